# DBD::Pg on libpq.
use strict;
use warnings;
use utf8;
use DBI qw(:sql_types);
use DBD::Pg qw(:pg_types);
use File::Basename qw(dirname);
use JSON::PP ();
use Time::HiRes qw(sleep time);

binmode STDOUT;
$| = 1;
my $tls      = $ENV{PGSSLMODE} ne 'disable';
my $binding  = ($ENV{PGCHANNELBINDING} // '') eq 'require';
my $governed = $ENV{PGVEIL_ROLE} eq 'governed';
my $own      = 1_000_000 + $$;    # Rows that this run writes into products: no other run has them.
my $emails_sql = 'SELECT email FROM customers ORDER BY id';
my $text       = "it's \"quoted\" \\ größe 日本 🙂 \$1";

# Who sees whom and how: policies/crm.yaml.
my @emails = @{
    {   crm_admin => [
            qw(ada.canary1@example.com bob.canary2@example.com cleo.canary3@example.org
                dmitri.canary4@example.net eve.canary5@example.com finn.canary6@example.com)
        ],
        crm_support   => [qw(a***@example.com b***@example.com c***@example.org d***@example.net f***@example.com)],
        crm_marketing => [qw(a***@example.com c***@example.org)],
    }->{ $ENV{PGUSER} }
};

sub open_connection {
    my (%more) = @_;
    my %dsn = (host => $ENV{PGHOST}, port => $ENV{PGPORT}, dbname => $ENV{PGDATABASE});
    @dsn{qw(sslmode sslrootcert)} = @ENV{qw(PGSSLMODE PGSSLROOTCERT)} if $tls;
    $dsn{channel_binding} = 'require' if $binding;
    my $dsn = join ';', map { "$_=" . ($more{$_} // $dsn{$_}) } sort keys %dsn;
    return DBI->connect("dbi:Pg:$dsn", $ENV{PGUSER}, $ENV{PGPASSWORD},
        { RaiseError => 1, PrintError => 0, AutoCommit => 1, pg_enable_utf8 => 1 });
}

sub same {
    my ($found, $expected) = map { JSON::PP->new->canonical->allow_nonref->encode($_) } @_;
    die substr("$found instead of $expected", 0, 400) . "\n" if $found ne $expected;
    return;
}

sub raised {
    my ($state, $work) = @_;
    my $done = eval { $work->(); 1 };
    my $error = $@;
    die "no error $state\n" if $done;
    my $found = $DBI::state;
    same($found, $state);
    return $error;
}

sub feature {
    my ($name, $work) = @_;
    my $line = { feature => $name, result => 'ok' };
    if (!eval { $work->(); 1 }) {
        my $why    = $@ =~ s/\n$//r;
        my $result = $why =~ s/^n\/a: // ? 'n/a' : 'fail';
        $line = { feature => $name, result => $result, why => $why };
    }
    print JSON::PP->new->utf8->canonical->encode($line), "\n";
    return;
}

my $db = open_connection();

feature connect => sub {
    same($db->selectrow_arrayref('SELECT current_user::text, current_database()::text'), [ $ENV{PGUSER}, $ENV{PGDATABASE} ]);
    same(int($db->{pg_server_version} / 10_000), int $ENV{PGVEIL_SERVER_MAJOR});
    same($db->ping, 1);

    # What tools ask of the catalogs.
    same([ $db->primary_key(undef, 'public', 'order_items') ], [qw(order_id line)]);
    same([ map { $_->[3] } @{ $db->column_info(undef, 'public', 'products', undef)->fetchall_arrayref } ], [qw(id name price)]);
    same([ $db->tables(undef, 'public', 'orders', 'TABLE') ], ['public.orders']);
};

feature tls => sub {
    die "n/a: sslmode=disable\n" if !$tls;

    # verify-full connects over verified TLS or not at all; that it does verify, another authority's certificate shows.
    my $error = raised('08006', sub { open_connection(sslrootcert => dirname(__FILE__) . '/../other-authority.crt') });
    die "not the certificate: $error" if $error !~ /certificate verify failed/;
};

feature 'channel-binding' => sub {
    # libpq breaks the log-in off when the exchange was not bound and `require` is set, so being here is the proof.
    die "n/a: sslmode=disable\n" if !$tls;
    die "n/a: channel binding was not asked for\n" if !$binding;
};

feature parameters => sub {
    my $bytes = join '', map { chr } 0 .. 255;
    $db->do(q{SET TIME ZONE 'UTC'});
    my @rest = ('12345678901234567890.12', '2026-01-10 09:00:00.123456+00');
    for my $server (0, 1) {
        my $all = $db->prepare('SELECT ?::int, ?::text, ?::text, ?::bool, ?::numeric, ?::timestamptz, ?::int[], ?::jsonb, ?::bytea',
            { pg_server_prepare => $server });
        $all->bind_param(1, 42, SQL_INTEGER);
        $all->bind_param(2, $text);
        $all->bind_param(3, undef);
        $all->bind_param(4, 1, SQL_BOOLEAN);
        $all->bind_param(5, $rest[0]);
        $all->bind_param(6, $rest[1]);
        $all->bind_param(7, [ 1, undef, 3 ]);
        $all->bind_param(8, '{"a": [1, "ü"]}');
        $all->bind_param(9, $bytes, { pg_type => PG_BYTEA });
        $all->execute;
        my @row = $all->fetchrow_array;
        die "bytes differ\n" if pop(@row) ne $bytes;
        same([ "$row[0]", @row[ 1 .. 5, 7 ] ], [ '42', $text, undef, $row[3], @rest, '{"a": [1, "ü"]}' ]);
        die "bool differs\n" if !$row[3];
        same([ map { defined ? "$_" : undef } @{ $row[6] } ], [ '1', undef, '3' ]);
        same($db->selectcol_arrayref('SELECT name FROM products WHERE id = ANY(?) AND price > ?', undef, [ 1, 2 ], 10), ['Teapot']);
    }
};

feature prepared => sub {
    my $statement = $db->prepare('SELECT id, name FROM products WHERE id = ?', { pg_prepare_now => 1, pg_switch_prepared => 1 });
    for my $wanted (1 .. 3) {
        $statement->execute($wanted);
        die "another row\n" if $statement->fetchrow_arrayref->[0] != $wanted;
        $statement->finish;
    }
    die "nothing was prepared\n" if $statement->{pg_prepare_name} eq '';
    same($statement->{NAME}, [qw(id name)]);
    same($statement->{NUM_OF_PARAMS}, 1);
};

feature binary => sub { die "n/a: DBD::Pg asks for text results\n" };

feature cursors => sub {
    $db->begin_work;
    $db->do("DECLARE walk SCROLL CURSOR FOR $emails_sql");
    my @found;
    while (my @part = @{ $db->selectcol_arrayref('FETCH 2 FROM walk') }) { push @found, @part }
    same(\@found, \@emails);
    same($db->selectcol_arrayref('FETCH ABSOLUTE 1 FROM walk'), [ $emails[0] ]);
    $db->commit;
};

feature copy => sub {
    my @rows = ("$own\tLäuf\\ter\\n\\\\\t1.50\n", ($own + 1) . "\tTopf\t2.00\n");
    $db->begin_work;
    $db->do('COPY products FROM STDIN');
    $db->pg_putcopydata($_) for @rows;
    $db->pg_putcopyend;
    $db->do("COPY (SELECT * FROM products WHERE id >= $own ORDER BY id) TO STDOUT");
    my (@found, $row);
    push @found, $row while $db->pg_getcopydata($row) >= 0;
    same(\@found, \@rows);
    $db->rollback;
    $db->do('COPY customers (email) TO STDOUT');
    @found = ();
    push @found, $row =~ s/\n//r while $db->pg_getcopydata($row) >= 0;
    same([ sort @found ], \@emails);
    $db->do('COPY products FROM STDIN');
    $db->pg_putcopydata("x\ty\tz\n");
    raised('22P02', sub { $db->pg_putcopyend });
    same($db->selectcol_arrayref("SELECT 'alive'"), ['alive']);
};

feature errors => sub {
    raised('23505', sub { $db->do(q{INSERT INTO products VALUES (1, 'Again', 1)}) });
    same($db->pg_error_field('constraint'), 'products_pkey');
    raised('42601', sub { $db->do('SELECT 1 FORM products') });
    same($db->pg_error_field('statement_position'), '15');
    same($db->selectcol_arrayref("SELECT 'alive'"), ['alive']);
};

feature transactions => sub {
    my $count = sub { return $db->selectrow_array('SELECT count(*)::text FROM products WHERE id = ?', undef, $own) };
    my $add   = sub { return $db->do(q{INSERT INTO products VALUES (?, 'Own', 1)}, undef, $own) };
    $db->begin_work;
    $add->();
    $db->rollback;
    same($count->(), '0');
    $db->begin_work;
    $add->();
    $db->pg_savepoint('one');
    raised('23505', $add);
    $db->pg_rollback_to('one');
    $db->commit;
    same($count->(), '1');
    die "nothing was deleted\n" if $db->do('DELETE FROM products WHERE id = ?', undef, $own) != 1;
    $db->begin_work;
    raised('22012', sub { $db->do('SELECT 1/0') });
    raised('25P02', sub { $db->do('SELECT 1') });
    $db->rollback;
    die "in a transaction\n" if !$db->{AutoCommit};
};

feature cancel => sub {
    my $started = time;
    my $slow    = $db->prepare('SELECT pg_sleep(30)', { pg_async => PG_ASYNC });
    $slow->execute;
    sleep 0.4;
    die "not cancelled\n" if !$db->pg_cancel;
    die "it took more than 5 s\n" if time - $started > 5;
    $db->do('SET statement_timeout = 300');
    raised('57014', sub { $db->do('SELECT pg_sleep(30)') });
    $db->do('RESET statement_timeout');
    same($db->selectcol_arrayref("SELECT 'alive'"), ['alive']);
};

feature listen => sub {
    if ($governed) {
        raised('42501', sub { $db->do('LISTEN own_channel') });
        same($db->selectcol_arrayref("SELECT 'alive'"), ['alive']);
        return;
    }
    $db->do('LISTEN own_channel');
    my $other = open_connection();
    $other->do(q{NOTIFY own_channel, 'häl lo'});
    $other->disconnect;
    my $heard;
    for (1 .. 50) { last if $heard = $db->pg_notifies; sleep 0.1 }
    same([ @{$heard}[ 0, 2 ] ], [ 'own_channel', 'häl lo' ]);
    $db->do('UNLISTEN *');
};

feature masked => sub {
    same($db->selectcol_arrayref($emails_sql), \@emails);
    my ($note) = $db->selectrow_array('SELECT notes FROM customers WHERE id = ?', undef, 1);
    die "notes are shown otherwise\n" if ($note =~ /canary/) xor !$governed;
};

feature disconnect => sub {
    same($db->disconnect, 1);
    die "the handle is active\n" if $db->{Active};
    my $again = open_connection();
    same($again->selectcol_arrayref("SELECT 'alive'"), ['alive']);
    $again->disconnect;
};
