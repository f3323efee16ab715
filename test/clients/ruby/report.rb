# frozen_string_literal: true

# What the Ruby clients share: the environment, the feature lines and the expectations over the sample CRM. It knows no driver.
require 'json'

TLS = ENV.fetch('PGSSLMODE', 'disable') != 'disable'
BINDING = ENV['PGCHANNELBINDING'] == 'require'
GOVERNED = ENV.fetch('PGVEIL_ROLE') == 'governed'
MAJOR = Integer(ENV.fetch('PGVEIL_SERVER_MAJOR'))
# Rows that this run writes into products: no other run has them.
OWN_ID = 1_000_000 + Process.pid
EMAILS_SQL = 'SELECT email FROM customers ORDER BY id'
TEXT = "it's \"quoted\" \\ größe 日本 🙂 $1 ?"
# Who sees whom and how: policies/crm.yaml.
EMAILS = {
  'crm_admin' => %w[ada.canary1@example.com bob.canary2@example.com cleo.canary3@example.org dmitri.canary4@example.net
                    eve.canary5@example.com finn.canary6@example.com],
  'crm_support' => %w[a***@example.com b***@example.com c***@example.org d***@example.net f***@example.com],
  'crm_marketing' => %w[a***@example.com c***@example.org]
}.fetch(ENV.fetch('PGUSER'))

class NotApplicable < StandardError; end

def same(found, expected)
  raise "#{found.inspect[0, 200]} instead of #{expected.inspect[0, 200]}" unless found == expected
end

# The error of one of the kinds that the block raises.
def raised(*kinds)
  yield
rescue *kinds => e
  e
else
  raise "no #{kinds.join(' or ')} was raised"
end

# Fails when the block, which waits for its cancellation, takes more than 5 s.
def soon(cancel)
  started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  thread = Thread.new do
    sleep 0.4
    cancel.call
  end
  yield
  thread.join
  raise 'it took more than 5 s' if Process.clock_gettime(Process::CLOCK_MONOTONIC) - started > 5
end

def need_tls
  raise NotApplicable, 'sslmode=disable' unless TLS
end

def need_binding
  need_tls
  raise NotApplicable, 'channel binding was not asked for' unless BINDING
end

def feature(name)
  line = { feature: name, result: 'ok' }
  begin
    yield
  rescue NotApplicable => e
    line = { feature: name, result: 'n/a', why: e.message }
  rescue StandardError => e
    at = e.backtrace.grep(/_client\.rb/).first.to_s[/\d+(?=:)/]
    line = { feature: name, result: 'fail', why: "#{e.class}: #{e.message.strip} (line #{at})" }
  end
  puts JSON.generate(line)
  $stdout.flush
end
