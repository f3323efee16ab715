# frozen_string_literal: true

# ActiveRecord over ruby-pg.
require 'active_record'
require_relative 'report'

SETTINGS = {
  adapter: 'postgresql', host: ENV.fetch('PGHOST'), port: ENV.fetch('PGPORT'), username: ENV.fetch('PGUSER'),
  password: ENV.fetch('PGPASSWORD'), database: ENV.fetch('PGDATABASE'), pool: 3
}.merge(TLS ? { sslmode: ENV.fetch('PGSSLMODE'), sslrootcert: ENV.fetch('PGSSLROOTCERT') } : {})
 .merge(BINDING ? { channel_binding: 'require' } : {}).freeze

ActiveRecord::Base.establish_connection(SETTINGS)
ActiveRecord.default_timezone = :utc if ActiveRecord.respond_to?(:default_timezone=)

class Product < ActiveRecord::Base; end

class Customer < ActiveRecord::Base
  has_many :orders
end

class Order < ActiveRecord::Base
  belongs_to :customer
end

def db
  ActiveRecord::Base.connection
end

def bound(sql, *values)
  binds = values.map { |value, type| ActiveRecord::Relation::QueryAttribute.new('given', value, type) }
  db.exec_query(sql, 'SQL', binds, prepare: true)
end

def type(name, **options)
  ActiveRecord::Type.lookup(name, adapter: :postgresql, **options)
end

feature 'connect' do
  same db.select_rows('SELECT current_user, current_database()'), [[ENV.fetch('PGUSER'), ENV.fetch('PGDATABASE')]]
  same db.database_version / 10_000, MAJOR
  # What it asks of the catalogs.
  same Product.columns.map(&:name), %w[id name price]
  same Product.primary_key, 'id'
  same db.tables.include?('customers'), true
  same db.indexes('orders').map(&:name), ['orders_customer']
  same db.foreign_keys('orders').map(&:to_table), ['customers']
end

feature 'tls' do
  need_tls
  same db.raw_connection.ssl_in_use?, true
end

feature 'channel-binding' do
  need_binding
  same db.raw_connection.conninfo_hash[:channel_binding], 'require'
end

feature 'parameters' do
  moment = Time.utc(2026, 1, 10, 9, 0, 0, 123_456)
  row = bound('SELECT $1::int AS a, $2::text AS b, $3::text AS c, $4::bool AS d, $5::numeric AS e, $6::timestamptz AS f, ' \
              '$7::int[] AS g, $8::jsonb AS h, $9::bytea AS i',
              [42, type(:integer)], [TEXT, type(:string)], [nil, type(:string)], [true, type(:boolean)],
              [BigDecimal('12345678901234567890.12'), type(:decimal)], [moment, type(:datetime)],
              [[1, nil, 3], type(:integer, array: true)], [{ 'a' => [1, 'ü'] }, type(:jsonb)],
              [(0..255).to_a.pack('C*'), type(:binary)]).cast_values[0]
  same row[0...5], [42, TEXT, nil, true, BigDecimal('12345678901234567890.12')]
  same row[5], moment
  same row[6..7], [[1, nil, 3], { 'a' => [1, 'ü'] }]
  same row[8], (0..255).to_a.pack('C*')
  same Product.where(id: [1, 2]).where('price > ?', 10).pluck(:name), ['Teapot']
end

feature 'prepared' do
  (1..3).each { |wanted| same Product.find(wanted).id, wanted }
  same Customer.joins(:orders).where(orders: { id: 10 }).pluck(:id), [1]
  # DEALLOCATE of each, then they are prepared anew.
  db.clear_cache!
  same Product.find(1).name, 'Teapot'
end

feature 'binary' do
  raise NotApplicable, 'ActiveRecord asks for text results'
end

feature 'cursors' do
  found = Customer.order(:id).in_batches(of: 2).flat_map { |batch| batch.pluck(:email) }
  same found, EMAILS
  db.transaction do
    db.execute("DECLARE walk CURSOR FOR #{EMAILS_SQL}")
    same db.select_values('FETCH ALL FROM walk'), EMAILS
  end
end

feature 'copy' do
  row = "#{OWN_ID}\tTopf\t2.00\n"
  out = []
  ActiveRecord::Base.transaction do
    raw = db.raw_connection
    raw.copy_data('COPY products FROM STDIN') { raw.put_copy_data(row) }
    raw.copy_data("COPY (SELECT * FROM products WHERE id >= #{OWN_ID}) TO STDOUT") do
      while (line = raw.get_copy_data)
        out << line
      end
    end
    raise ActiveRecord::Rollback
  end
  same out, [row]
end

feature 'errors' do
  error = raised(ActiveRecord::RecordNotUnique) { Product.create!(id: 1, name: 'Again', price: 1) }
  same error.cause.result.error_field(PG::PG_DIAG_SQLSTATE), '23505'
  error = raised(ActiveRecord::StatementInvalid) { db.select_all('SELECT 1 FORM products') }
  same error.cause.result.error_field(PG::PG_DIAG_STATEMENT_POSITION), '15'
  raised(ActiveRecord::RecordNotFound) { Product.find(-1) }
  same db.select_value('SELECT 1'), 1
end

feature 'transactions' do
  add = -> { Product.create!(id: OWN_ID, name: 'Own', price: 1) }
  ActiveRecord::Base.transaction do
    add.call
    raise ActiveRecord::Rollback
  end
  same Product.exists?(OWN_ID), false
  ActiveRecord::Base.transaction do
    add.call
    raised(ActiveRecord::RecordNotUnique) { ActiveRecord::Base.transaction(requires_new: true) { add.call } }
  end
  same Product.exists?(OWN_ID), true
  own = Product.find(OWN_ID)
  own.update!(name: 'Changed')
  same Product.upsert_all([{ id: OWN_ID, name: 'Upserted', price: 2 }]).length, 1
  same own.reload.name, 'Upserted'
  own.with_lock { own.destroy! }
  same Product.exists?(OWN_ID), false
  raised(ActiveRecord::StatementInvalid) do
    ActiveRecord::Base.transaction do
      raised(ActiveRecord::StatementInvalid) { db.execute('SELECT 1/0') }
      db.execute('SELECT 1')
    end
  end
  ActiveRecord::Base.transaction(isolation: :serializable) { same Product.count, 3 }
end

feature 'cancel' do
  connection = db
  soon(-> { connection.raw_connection.cancel }) { raised(ActiveRecord::QueryCanceled) { connection.execute('SELECT pg_sleep(30)') } }
  same db.select_value('SELECT 1'), 1
end

feature 'listen' do
  if GOVERNED
    error = raised(ActiveRecord::StatementInvalid) { db.execute('LISTEN own_channel') }
    same error.cause.class, PG::InsufficientPrivilege
    same db.select_value('SELECT 1'), 1
  else
    # As ActionCable's adapter does.
    db.execute('LISTEN own_channel')
    Thread.new { ActiveRecord::Base.connection_pool.with_connection { |other| other.execute("NOTIFY own_channel, 'häl lo'") } }.join
    heard = nil
    db.raw_connection.wait_for_notify(5) { |channel, _pid, payload| heard = [channel, payload] }
    same heard, ['own_channel', 'häl lo']
    db.execute('UNLISTEN *')
  end
end

feature 'masked' do
  same Customer.order(:id).pluck(:email), EMAILS
  ada = Customer.find(1)
  same ada.notes.include?('canary'), !GOVERNED
  # A form that was shown and is saved destroys nothing.
  ActiveRecord::Base.transaction do
    ada.email_will_change!
    ada.save!
    same Customer.find(1).email, EMAILS[0]
    raise ActiveRecord::Rollback
  end
end

feature 'disconnect' do
  same db.active?, true
  db.reconnect!
  same db.select_value('SELECT 1'), 1
  ActiveRecord::Base.connection_pool.disconnect!
  same ActiveRecord::Base.connection_pool.connected?, false
  ActiveRecord::Base.establish_connection(SETTINGS)
  same db.select_value('SELECT 1'), 1
  ActiveRecord::Base.connection_pool.disconnect!
end
