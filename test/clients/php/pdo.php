<?php
// PDO with pdo_pgsql on libpq: real prepares, emulated ones, and those of ATTR_DISABLE_PREPARES.

declare(strict_types=1);

const EMAILS_SQL = 'SELECT email FROM customers ORDER BY id';
const TEXT = "it's \"quoted\" \\ größe 日本 🙂 \$1";
define('TLS', getenv('PGSSLMODE') !== 'disable');
define('GOVERNED', getenv('PGVEIL_ROLE') === 'governed');
define('OWN_ID', 1_000_000 + getmypid()); // Rows that this run writes into products: no other run has them.
// Who sees whom and how: policies/crm.yaml.
define('EMAILS', [
    'crm_admin' => [
        'ada.canary1@example.com', 'bob.canary2@example.com', 'cleo.canary3@example.org',
        'dmitri.canary4@example.net', 'eve.canary5@example.com', 'finn.canary6@example.com',
    ],
    'crm_support' => ['a***@example.com', 'b***@example.com', 'c***@example.org', 'd***@example.net', 'f***@example.com'],
    'crm_marketing' => ['a***@example.com', 'c***@example.org'],
][getenv('PGUSER')]);

class NotApplicable extends Exception {}

function open_connection(string $more = '', array $options = []): PDO
{
    $dsn = sprintf('pgsql:host=%s;port=%s;dbname=%s', getenv('PGHOST'), getenv('PGPORT'), getenv('PGDATABASE'));
    if (TLS) {
        $dsn .= sprintf(';sslmode=%s;sslrootcert=%s', getenv('PGSSLMODE'), getenv('PGSSLROOTCERT'));
    }
    if (getenv('PGCHANNELBINDING') === 'require') {
        $dsn .= ';channel_binding=require';
    }
    return new PDO($dsn . $more, getenv('PGUSER'), getenv('PGPASSWORD'), $options);
}

function same(mixed $found, mixed $expected): void
{
    if ($found !== $expected) {
        throw new Exception(mb_substr(var_export($found, true) . ' instead of ' . var_export($expected, true), 0, 400));
    }
}

function raised(string $sqlstate, callable $work): PDOException
{
    try {
        $work();
    } catch (PDOException $error) {
        same((string) $error->errorInfo[0], $sqlstate);
        return $error;
    }
    throw new Exception("no error $sqlstate");
}

function feature(string $name, callable $work): void
{
    $line = ['feature' => $name, 'result' => 'ok'];
    try {
        $work();
    } catch (NotApplicable $reason) {
        $line = ['feature' => $name, 'result' => 'n/a', 'why' => $reason->getMessage()];
    } catch (Throwable $error) {
        $at = $error->getTrace()[0]['line'] ?? $error->getLine();
        $line = ['feature' => $name, 'result' => 'fail', 'why' => get_class($error) . ": {$error->getMessage()} (line $at)"];
    }
    echo json_encode($line, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
}

function column(PDO $db, string $sql, array $values = []): array
{
    $statement = $db->prepare($sql);
    $statement->execute($values);
    return $statement->fetchAll(PDO::FETCH_COLUMN);
}

$db = open_connection();

feature('connect', function () use ($db) {
    same($db->query('SELECT current_user, current_database()')->fetch(PDO::FETCH_NUM), [getenv('PGUSER'), getenv('PGDATABASE')]);
    same(explode('.', $db->getAttribute(PDO::ATTR_SERVER_VERSION))[0], getenv('PGVEIL_SERVER_MAJOR'));
    // getColumnMeta asks the catalogs for the table's name.
    $statement = $db->query('SELECT id FROM products');
    same($statement->getColumnMeta(0)['table'], 'products');
});

feature('tls', function () {
    if (!TLS) {
        throw new NotApplicable('sslmode=disable');
    }
    // verify-full connects over verified TLS or not at all; that it does verify, another authority's certificate shows.
    try {
        open_connection(';sslrootcert=' . __DIR__ . '/../other-authority.crt');
    } catch (PDOException $error) {
        same(str_contains($error->getMessage(), 'certificate verify failed'), true);
        return;
    }
    throw new Exception('a certificate of another authority was taken');
});

feature('channel-binding', function () {
    // libpq breaks the log-in off when the exchange was not bound and `require` is set, so being here is the proof.
    if (!TLS || getenv('PGCHANNELBINDING') !== 'require') {
        throw new NotApplicable(TLS ? 'channel binding was not asked for' : 'sslmode=disable');
    }
});

$kinds = ['real' => [], 'emulated' => [PDO::ATTR_EMULATE_PREPARES => true], 'unnamed' => [PDO::PGSQL_ATTR_DISABLE_PREPARES => true]];

feature('parameters', function () use ($db, $kinds) {
    $db->exec("SET TIME ZONE 'UTC'");
    foreach ($kinds as $options) {
        $all = $db->prepare(
            'SELECT ?::int, ?::text, ?::text, ?::bool, ?::numeric, ?::timestamptz, ?::int[], ?::jsonb, ?::bytea',
            $options,
        );
        $bytes = implode('', array_map('chr', range(0, 255)));
        $all->bindValue(1, 42, PDO::PARAM_INT);
        $all->bindValue(2, TEXT);
        $all->bindValue(3, null, PDO::PARAM_NULL);
        $all->bindValue(4, true, PDO::PARAM_BOOL);
        $rest = ['12345678901234567890.12', '2026-01-10 09:00:00.123456+00', '{1,NULL,3}', '{"a": [1, "ü"]}'];
        foreach ($rest as $at => $value) {
            $all->bindValue(5 + $at, $value);
        }
        $all->bindValue(9, $bytes, PDO::PARAM_LOB);
        $all->execute();
        $row = $all->fetch(PDO::FETCH_NUM);
        same(array_slice($row, 0, 8), [42, TEXT, null, true, ...$rest]);
        same(stream_get_contents($row[8]), $bytes);
        $named = $db->prepare('SELECT name FROM products WHERE id = :id AND price > :low AND name <> :name', $options);
        $named->execute(['id' => 1, 'low' => 10, 'name' => "O'Hara"]);
        same($named->fetchAll(PDO::FETCH_COLUMN), ['Teapot']);
    }
});

feature('prepared', function () use ($db) {
    $statement = $db->prepare('SELECT id, name FROM products WHERE id = ?');
    foreach ([1, 2, 3] as $wanted) {
        $statement->execute([$wanted]);
        same($statement->fetch(PDO::FETCH_NUM)[0], $wanted);
    }
    same($statement->getColumnMeta(1)['name'], 'name');
});

feature('binary', fn() => throw new NotApplicable('PDO asks for text results'));

feature('cursors', function () use ($db) {
    $db->beginTransaction();
    // PDO declares a cursor by itself for it.
    $walk = $db->prepare(EMAILS_SQL, [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
    $walk->execute();
    $found = [];
    while (($row = $walk->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_NEXT)) !== false) {
        $found[] = $row[0];
    }
    same($found, EMAILS);
    same($walk->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_FIRST), [EMAILS[0]]);
    same($walk->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_ABS, 2), [EMAILS[1]]);
    $walk = null;
    $db->exec('DECLARE named CURSOR FOR ' . EMAILS_SQL);
    same(column($db, 'FETCH 2 FROM named'), array_slice(EMAILS, 0, 2));
    $db->commit();
});

feature('copy', function () use ($db) {
    $rows = [OWN_ID . "\tLäuf\\ter\\n\\\\\t1.50\n", (OWN_ID + 1) . "\tTopf\t2.00\n"];
    $db->beginTransaction();
    same($db->pgsqlCopyFromArray('products', $rows), true);
    same($db->pgsqlCopyToArray('(SELECT * FROM products WHERE id >= ' . OWN_ID . ' ORDER BY id)'), $rows);
    $db->rollBack();
    $found = array_map('trim', $db->pgsqlCopyToArray('customers (email)'));
    sort($found);
    same($found, EMAILS);
    raised('22P02', fn() => $db->pgsqlCopyFromArray('products', ["x\ty\tz\n"]));
    same(column($db, 'SELECT 1'), [1]);
});

feature('errors', function () use ($db, $kinds) {
    foreach ($kinds as $options) {
        $error = raised('23505', fn() => $db->prepare("INSERT INTO products VALUES (?, 'Again', 1)", $options)->execute([1]));
        same(str_contains($error->getMessage(), '"products_pkey"'), true);
        $error = raised('42601', fn() => $db->prepare('SELECT 1 FORM products', $options)->execute());
        // libpq draws the place from the position.
        same(str_contains($error->getMessage(), "LINE 1: SELECT 1 FORM products\n                      ^"), true);
    }
    same(column($db, 'SELECT 1'), [1]);
});

feature('transactions', function () use ($db) {
    $own = fn() => column($db, 'SELECT count(*) FROM products WHERE id = ?', [OWN_ID])[0];
    $add = fn() => $db->prepare("INSERT INTO products VALUES (?, 'Own', 1)")->execute([OWN_ID]);
    $db->beginTransaction();
    $add();
    $db->rollBack();
    same($own(), 0);
    $db->beginTransaction();
    $add();
    $db->exec('SAVEPOINT one');
    raised('23505', $add);
    $db->exec('ROLLBACK TO one');
    $db->commit();
    same($own(), 1);
    same($db->exec('DELETE FROM products WHERE id = ' . OWN_ID), 1);
    $db->beginTransaction();
    raised('22012', fn() => $db->query('SELECT 1/0'));
    raised('25P02', fn() => $db->query('SELECT 1'));
    same($db->inTransaction(), true);
    $db->rollBack();
    same($db->inTransaction(), false);
});

feature('cancel', function () use ($db) {
    // PDO has no call for it; people set a time limit.
    $db->exec("SET statement_timeout = '400ms'");
    raised('57014', fn() => $db->query('SELECT pg_sleep(30)'));
    $db->exec('RESET statement_timeout');
    same(column($db, 'SELECT 1'), [1]);
    // pg_cancel_query of the older extension sends the CancelRequest.
    $old = pg_connect(sprintf('host=%s port=%s dbname=%s user=%s password=%s', getenv('PGHOST'), getenv('PGPORT'),
        getenv('PGDATABASE'), getenv('PGUSER'), getenv('PGPASSWORD'))
        . (TLS ? sprintf(' sslmode=%s sslrootcert=%s', getenv('PGSSLMODE'), getenv('PGSSLROOTCERT')) : ''));
    $started = microtime(true);
    pg_send_query($old, 'SELECT pg_sleep(30)');
    usleep(400_000);
    same(pg_cancel_query($old), true);
    same(microtime(true) - $started < 5, true);
    same(pg_fetch_result(pg_query($old, 'SELECT 1'), 0, 0), '1');
    pg_close($old);
});

feature('listen', function () use ($db) {
    if (GOVERNED) {
        raised('42501', fn() => $db->exec('LISTEN own_channel'));
        same(column($db, 'SELECT 1'), [1]);
        return;
    }
    $db->exec('LISTEN own_channel');
    open_connection()->exec("NOTIFY own_channel, 'häl lo'");
    $heard = $db->pgsqlGetNotify(PDO::FETCH_NUM, 5000);
    same([$heard[0], $heard[2]], ['own_channel', 'häl lo']);
    $db->exec('UNLISTEN *');
});

feature('masked', function () use ($db, $kinds) {
    same(column($db, EMAILS_SQL), EMAILS);
    foreach ($kinds as $options) {
        $note = $db->prepare('SELECT notes FROM customers WHERE id = ?', $options);
        $note->execute([1]);
        same(str_contains($note->fetchColumn(), 'canary'), !GOVERNED);
    }
});

feature('disconnect', function () use (&$db) {
    $db = null;
    // A persistent connection is taken up again by the next.
    $first = open_connection('', [PDO::ATTR_PERSISTENT => true]);
    same(column($first, 'SELECT 1'), [1]);
    $first = null;
    same(column(open_connection('', [PDO::ATTR_PERSISTENT => true]), 'SELECT 1'), [1]);
});
