require 'active_record'
require 'erb'
require 'json'
require 'net/http'

$done = 0
$failures = []

def step(name)
  control = ENV['CONTROL_URL']
  Net::HTTP.get(URI(control + ERB::Util.url_encode(name))) if control && !control.empty?
  yield
  $done += 1
rescue StandardError => error
  $failures << "#{name}: #{error.class} #{error.message.gsub(/\s+/, ' ')}"
end

ActiveRecord::Base.establish_connection(adapter: 'postgresql', host: ENV['PGHOST'], port: ENV['PGPORT'], username: ENV['PGUSER'],
  password: ENV['PGPASSWORD'], database: ENV['PGDATABASE'], pool: 1)

class Customer < ActiveRecord::Base
  has_many :orders
  has_many :tickets
  has_many :items, through: :orders
end
class Order < ActiveRecord::Base
  belongs_to :customer
  has_many :items, class_name: 'Item'
end
class Item < ActiveRecord::Base
  self.table_name = 'order_items'
  self.primary_key = 'order_id'
  belongs_to :order
  belongs_to :product
end
class Versioned < ActiveRecord::Base
  self.table_name = 'order_items'
  self.primary_key = 'order_id'
  self.locking_column = 'quantity'
end
class Product < ActiveRecord::Base; end
class Ticket < ActiveRecord::Base
  belongs_to :customer
end
class Lead < ActiveRecord::Base; end
class AppLog < ActiveRecord::Base
  self.table_name = 'app_log'
end
class Directory < ActiveRecord::Base
  self.table_name = 'customer_directory'
end

attributes = { first_name: 'Act', last_name: 'Record', email: 'act@example.com', phone: '+49-6', birth_date: '1990-01-02', profile: { tier: 'gold' } }

step('connect') { ActiveRecord::Base.connection.execute('SELECT 1') }
step('all') { Customer.all.to_a }
step('find') { Customer.find(1); Customer.find([1, 3]) }
step('find by') { Customer.find_by(email: 'a***@example.com') }
step('first and last') { Customer.first; Customer.last; Customer.take }
step('select') { Customer.select(:id, 'lower(email) AS mail').to_a }
step('where forms') { Customer.where(id: [1, 2, 3]).or(Customer.where(phone: nil)).where.not(region: 'US').where(id: 1..50).where('email IS NOT NULL').to_a }
step('page by offset') { Customer.order(:last_name, id: :desc).limit(2).offset(1).to_a }
step('page by cursor') { Order.where('(placed_at, id) > (?, ?)', '2026-01-11T09:00:00Z', 11).order(:placed_at, :id).limit(2).to_a }
step('search') { Customer.where('first_name ILIKE ? OR email LIKE ?', '%a%', 'a%').to_a }
step('full text') { Customer.where("to_tsvector('simple', first_name) @@ plainto_tsquery('simple', ?)", 'ada').to_a }
step('json path') { Customer.where("profile->>'tier' = ?", 'gold').to_a; Customer.where('profile @> ?', { tier: 'gold' }.to_json).to_a }
step('count') { Customer.count; Customer.where(region: 'EU').count(:email); Order.distinct.count(:customer_id) }
step('exists') { Customer.exists?(1); Customer.where(region: 'EU').any? }
step('aggregates') { Order.sum(:total); Order.average(:total); Order.maximum(:placed_at); Order.group(:status).having('count(*) > 0').count }
step('pluck') { Customer.pluck(:id, :email); Customer.ids }
step('joins') { Order.joins(:customer, items: :product).where(customers: { region: 'EU' }).order('customers.last_name').to_a }
step('left joins') { Customer.left_outer_joins(:orders).group('customers.id').select('customers.*, count(orders.id) AS n').to_a }
step('includes') { Customer.includes(:tickets, orders: { items: :product }).to_a }
step('eager load') { Customer.eager_load(:orders).where(orders: { status: 'paid' }).order(:id).limit(2).to_a }
step('through') { Customer.find(1).items.to_a }
step('missing and distinct') { Customer.where.missing(:tickets).to_a; Customer.distinct.pluck(:region) }
step('subquery') { Customer.where(id: Order.where('total > 10').select(:customer_id)).to_a }
step('in batches') { Customer.find_each(batch_size: 2) { |each| each.id }; Customer.in_batches(of: 2) { |batch| batch.pluck(:id) } }
step('create') { Customer.create!(attributes) }
step('create related') { Customer.find(1).orders.create!(id: 80, total: 5, status: 'open', placed_at: Time.utc(2026, 3, 1)) }
step('insert all') { Lead.insert_all([{ id: 10, email: 'r10@example.com', created_at: Time.now }, { id: 11, email: nil, created_at: Time.now }]) }
step('upsert all') { Product.upsert_all([{ id: 12, name: 'Box', price: 1 }]); Product.upsert({ id: 12, name: 'Box', price: 2 }) }
step('insert with key from the server') { AppLog.create!(message: 'a', at: Time.now) }
step('find or create by') { Product.find_or_create_by!(id: 13) { |each| each.name = 'Bag'; each.price = 3 } }
step('create or find by') { Product.create_or_find_by!(id: 13) { |each| each.name = 'Bag'; each.price = 3 } }
step('update') { Customer.find(1).update!(region: 'US', notes: 'called', profile: { tier: 'silver' }) }
step('update column') { Customer.find(1).update_column(:region, 'EU') }
step('update all') { Customer.where(region: 'US').update_all(do_not_call: true); Order.joins(:customer).where(customers: { region: 'US' }).update_all(status: 'vip') }
step('increment') { Product.find(1).increment!(:price); Product.update_counters(1, price: 1) }
step('touch') { Customer.find(1).touch(:created_at) }
step('save a form') { Customer.where(id: 1).update_all(first_name: 'Ada', email: 'a***@example.com', phone: '***********0001', notes: '***') }
step('optimistic lock') { one = Versioned.find_by(order_id: 11); one.product_id = 2; one.save! }
step('toggle and reload') { one = Customer.find(1); one.toggle!(:do_not_call); one.reload }
step('delete all') { Lead.where(id: 11).delete_all; Lead.delete(10) }
step('destroy') { Order.find_by(id: 80)&.destroy }
step('transaction') do
  ActiveRecord::Base.transaction(isolation: :serializable) { Product.find(3).update!(price: 60) }
  ActiveRecord::Base.transaction do
    AppLog.create!(message: 'kept', at: Time.now)
    ActiveRecord::Base.transaction(requires_new: true) do
      AppLog.create!(message: 'undone', at: Time.now)
      raise ActiveRecord::Rollback
    end
  end
end
step('locks') do
  ActiveRecord::Base.transaction do
    Customer.lock.find(1)
    Ticket.order(:id).lock('FOR UPDATE SKIP LOCKED').first
    Order.find(10).lock!
    Order.find(10).with_lock('FOR SHARE') { nil }
  end
end
step('advisory lock') { ActiveRecord::Base.connection.get_advisory_lock(42); ActiveRecord::Base.connection.release_advisory_lock(42) }
step('raw') { ActiveRecord::Base.connection.exec_query('SELECT email FROM customers WHERE id = $1', 'SQL', [ActiveRecord::Relation::QueryAttribute.new('id', 1, ActiveRecord::Type::Integer.new)]) }
step('find by sql') { Customer.find_by_sql(['SELECT * FROM customers WHERE id = ?', 1]) }
step('view') { Directory.where(region: 'EU').to_a }
step('introspection') do
  connection = ActiveRecord::Base.connection
  connection.tables
  connection.views
  connection.columns('customers')
  connection.indexes('customers')
  connection.foreign_keys('orders')
  connection.primary_keys('order_items')
  connection.check_constraints('consents')
  connection.table_comment('customers')
  connection.extensions
  connection.schema_names
  connection.data_source_exists?('customers')
  connection.current_database
  connection.encoding
  connection.collation
end
step('schema dump') { require 'stringio'; ActiveRecord::SchemaDumper.dump(ActiveRecord::Base.connection, StringIO.new) }
ActiveRecord::Base.connection.disconnect!

$failures.each { |failure| warn "FAILED #{failure}" }
warn "ActiveRecord: #{$done} steps done, #{$failures.length} failed"
puts({ library: 'ActiveRecord', version: ActiveRecord.version.to_s, driver: "pg #{PG::VERSION} (Ruby)" }.to_json)
exit($failures.empty? || ENV['CONTROL_URL'].to_s.empty? ? 0 : 1)
