# frozen_string_literal: true

# ruby-pg on libpq.
require 'pg'
require_relative 'report'

def open_connection
  options = {}
  options.update(sslmode: ENV.fetch('PGSSLMODE'), sslrootcert: ENV.fetch('PGSSLROOTCERT')) if TLS
  options.update(channel_binding: 'require') if BINDING
  PG.connect(**options)
end

# A transaction that is rolled back at its end: ruby-pg rolls back on an error alone.
def undone(db)
  db.transaction do
    yield
    raise Interrupted
  end
rescue Interrupted
  nil
end

class Interrupted < StandardError; end

db = open_connection

feature 'connect' do
  same db.exec('SELECT current_user, current_database()').values, [[ENV.fetch('PGUSER'), ENV.fetch('PGDATABASE')]]
  same db.server_version / 10_000, MAJOR
  same db.internal_encoding, Encoding::UTF_8
end

feature 'tls' do
  need_tls
  same db.ssl_in_use?, true
  same db.ssl_attribute('protocol').start_with?('TLSv1.'), true
end

feature 'channel-binding' do
  # libpq breaks the log-in off when the exchange was not bound and `require` is set, so being here is the proof.
  need_binding
  same db.conninfo_hash[:channel_binding], 'require'
end

feature 'parameters' do
  given = [42, TEXT, nil, true, '12345678901234567890.12', '2026-01-10 09:00:00.123456+00', '{1,NULL,3}', '{"a": [1, "ü"]}',
           { value: (0..255).to_a.pack('C*'), format: 1 }]
  db.exec("SET TIME ZONE 'UTC'")
  row = db.exec_params('SELECT $1::int, $2::text, $3::text, $4::bool, $5::numeric, $6::timestamptz, $7::int[], $8::jsonb, $9::bytea',
                       given).values[0]
  same row[0...8], ['42', TEXT, nil, 't', *given[4...8]]
  same PG::Connection.unescape_bytea(row[8]), (0..255).to_a.pack('C*')
  # The type maps ask the catalogs for the types' OIDs.
  typed = PG::BasicTypeMapForResults.new(db)
  same db.exec_params('SELECT $1::int[], $2::bool, $3::float8', ['{1,2}', 'f', 1.5]).map_types!(typed).values, [[[1, 2], false, 1.5]]
end

feature 'prepared' do
  db.prepare('one', 'SELECT id, name FROM products WHERE id = $1')
  (1..3).each { |wanted| same db.exec_prepared('one', [wanted]).getvalue(0, 0), wanted.to_s }
  described = db.describe_prepared('one')
  same described.fields, %w[id name]
  same described.nparams, 1
  raised(PG::DuplicatePstatement) { db.prepare('one', 'SELECT 1') }
  db.exec('DEALLOCATE one')
end

feature 'binary' do
  result = db.exec_params('SELECT id, price::float8, name FROM products WHERE id = $1', [1], 1)
  same (0..2).map { |at| result.fformat(at) }, [1, 1, 1]
  same result.getvalue(0, 0).unpack1('N'), 1
  same result.getvalue(0, 1).unpack1('G'), 29.9
  same db.exec_params(EMAILS_SQL, [], 1).column_values(0), EMAILS
end

feature 'cursors' do
  db.transaction do
    db.exec("DECLARE walk SCROLL CURSOR FOR #{EMAILS_SQL}")
    found = []
    loop do
      part = db.exec('FETCH 2 FROM walk').column_values(0)
      break if part.empty?

      found.concat(part)
    end
    same found, EMAILS
    same db.exec('FETCH ABSOLUTE 1 FROM walk').column_values(0), EMAILS.first(1)
  end
  db.send_query(EMAILS_SQL)
  db.set_single_row_mode
  same db.get_result.stream_each_row.map(&:first), EMAILS
  db.get_last_result
end

feature 'copy' do
  rows = ["#{OWN_ID}\tLäuf\\ter\\n\\\\\t1.50\n", "#{OWN_ID + 1}\tTopf\t2.00\n"]
  out = []
  undone(db) do
    db.copy_data('COPY products FROM STDIN') { rows.each { |row| db.put_copy_data(row) } }
    db.copy_data("COPY (SELECT * FROM products WHERE id >= #{OWN_ID} ORDER BY id) TO STDOUT") do
      while (row = db.get_copy_data)
        out << row.force_encoding('UTF-8')
      end
    end
  end
  same out, rows
  emails = []
  db.copy_data('COPY customers (email) TO STDOUT') do
    while (row = db.get_copy_data)
      emails << row.chomp
    end
  end
  same emails.sort, EMAILS
  # CopyFail.
  raised(RuntimeError) { db.copy_data('COPY products FROM STDIN') { raise 'the client has enough' } }
  raised(PG::InvalidTextRepresentation) { db.copy_data('COPY products FROM STDIN') { db.put_copy_data("x\ty\tz\n") } }
  same db.exec('SELECT 1').values, [['1']]
end

feature 'errors' do
  error = raised(PG::UniqueViolation) { db.exec("INSERT INTO products VALUES (1, 'Again', 1)") }
  same error.result.error_field(PG::PG_DIAG_SQLSTATE), '23505'
  same error.result.error_field(PG::PG_DIAG_CONSTRAINT_NAME), 'products_pkey'
  error = raised(PG::SyntaxError) { db.exec_params('SELECT 1 FORM products', []) }
  same error.result.error_field(PG::PG_DIAG_STATEMENT_POSITION), '15'
  same db.exec('SELECT 1').values, [['1']]
end

feature 'transactions' do
  own = -> { db.exec_params('SELECT count(*) FROM products WHERE id = $1', [OWN_ID]).getvalue(0, 0) }
  add = -> { db.exec_params("INSERT INTO products VALUES ($1, 'Own', 1)", [OWN_ID]) }
  undone(db) { add.call }
  same own.call, '0'
  db.transaction do
    add.call
    db.exec('SAVEPOINT one')
    raised(PG::UniqueViolation) { add.call }
    db.exec('ROLLBACK TO one')
  end
  same own.call, '1'
  same db.exec_params('DELETE FROM products WHERE id = $1', [OWN_ID]).cmd_tuples, 1
  db.exec('BEGIN')
  raised(PG::DivisionByZero) { db.exec('SELECT 1/0') }
  raised(PG::InFailedSqlTransaction) { db.exec('SELECT 1') }
  same db.transaction_status, PG::PQTRANS_INERROR
  db.exec('ROLLBACK')
  same db.transaction_status, PG::PQTRANS_IDLE
  # libpq's pipeline mode: an error aborts what follows it up to the Sync.
  db.enter_pipeline_mode
  db.send_query_params('SELECT $1::int', [7])
  db.send_query_params('SELECT 1/$1::int', [0])
  db.send_query_params('SELECT 8', [])
  db.pipeline_sync
  db.send_query_params('SELECT $1::int', [9])
  db.pipeline_sync
  states = []
  until states.count(PG::PGRES_PIPELINE_SYNC) == 2
    result = db.sync_get_result
    states << result.result_status if result
  end
  db.exit_pipeline_mode
  same states, [PG::PGRES_TUPLES_OK, PG::PGRES_FATAL_ERROR, PG::PGRES_PIPELINE_ABORTED, PG::PGRES_PIPELINE_SYNC,
                PG::PGRES_TUPLES_OK, PG::PGRES_PIPELINE_SYNC]
end

feature 'cancel' do
  error = nil
  soon(-> { db.cancel }) { error = raised(PG::QueryCanceled) { db.exec('SELECT pg_sleep(30)') } }
  same error.result.error_field(PG::PG_DIAG_SQLSTATE), '57014'
  same db.exec('SELECT 1').values, [['1']]
end

feature 'listen' do
  if GOVERNED
    raised(PG::InsufficientPrivilege) { db.exec('LISTEN own_channel') }
    same db.exec('SELECT 1').values, [['1']]
  else
    other = open_connection
    db.exec('LISTEN own_channel')
    other.exec("NOTIFY own_channel, 'häl lo'")
    heard = nil
    db.wait_for_notify(5) { |channel, _pid, payload| heard = [channel, payload] }
    same heard, ['own_channel', 'häl lo']
    db.exec('UNLISTEN *')
    other.close
  end
end

feature 'masked' do
  same db.exec(EMAILS_SQL).column_values(0), EMAILS
  same db.exec_params('SELECT notes FROM customers WHERE id = $1', [1]).getvalue(0, 0).include?('canary'), !GOVERNED
end

feature 'disconnect' do
  db.close
  same db.finished?, true
  raised(PG::ConnectionBad) { db.exec('SELECT 1') }
  again = open_connection
  again.reset
  same again.exec('SELECT 1').values, [['1']]
  again.close
end
