# Runs the operations of AWS's samples with the Ruby driver.
# Usage: client.rb password KEYSPACE. AWS has no SigV4 plugin for Ruby.
# frozen_string_literal: true

require "cassandra"

KEYSPACE = ARGV.fetch(1)
REGION = ENV.fetch("AWS_REGION")
ORDERS = "#{KEYSPACE}.orders"
CUSTOMERS = "#{KEYSPACE}.customers"
PROFILES = "#{KEYSPACE}.profiles"

CLUSTER = Cassandra.cluster(
  hosts: [ENV.fetch("KEYSPACES_HOST")],
  port: Integer(ENV.fetch("KEYSPACES_PORT")),
  datacenter: REGION,
  ssl: true,
  server_cert: ENV.fetch("KEYSPACES_CA_FILE"),
  username: ENV.fetch("KEYSPACES_USER_NAME"),
  password: ENV.fetch("KEYSPACES_PASSWORD"),
  consistency: :local_quorum,
  connect_timeout: 60,
  timeout: 60
)
SESSION = CLUSTER.connect

def expect(holds, found)
  raise "not as expected: #{found}" unless holds
end

def wait
  deadline = Time.now + 60
  until yield
    expect(Time.now < deadline, "not done after 60 seconds")
    sleep 0.1
  end
end

def run(query, *arguments, **options)
  SESSION.execute(query, arguments: arguments, **options)
end

def prepared(query, *arguments, **options)
  SESSION.execute(SESSION.prepare(query), arguments: arguments, **options)
end

# Returns the status of a table or a type, or nil if it does not exist.
def status(kind, name)
  column = { "tables" => "table_name", "types" => "type_name" }.fetch(kind)
  query = "SELECT status FROM system_schema_mcs.#{kind} WHERE keyspace_name = ? AND #{column} = ?"
  row = run(query, KEYSPACE, name).first
  row && row["status"]
end

def there?
  !run("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?", KEYSPACE).empty?
end

STEPS = {
  "system tables" => lambda {
    found = run("SELECT data_center FROM system.local").first["data_center"]
    expect(found == REGION, found)
    %w[system.peers system_schema.keyspaces].each { |table| expect(!run("SELECT * FROM #{table}").empty?, table) }
    tables = SESSION.execute_async("SELECT keyspace_name, table_name FROM system_schema.tables").get
    expect(tables.include?("keyspace_name" => "system", "table_name" => "local"), tables.to_a)
    run("SELECT * FROM system_schema_mcs.tables")
  },
  "partitioner" => lambda {
    murmur3 = "org.apache.cassandra.dht.Murmur3Partitioner"
    run("UPDATE system.local SET partitioner = '#{murmur3}' WHERE key = 'local'")
    wait { run("SELECT partitioner FROM system.local").first["partitioner"] == murmur3 }
  },
  "keyspace" => lambda {
    run("CREATE KEYSPACE IF NOT EXISTS #{KEYSPACE} WITH replication = {'class': 'SingleRegionStrategy'}" \
        " AND TAGS = {'team': 'shop'}")
    wait { there? }
  },
  "table" => lambda {
    run("CREATE TABLE IF NOT EXISTS #{ORDERS} (customer text, number int, state text, placed timestamp," \
        " PRIMARY KEY (customer, number)) WITH CLUSTERING ORDER BY (number DESC) AND custom_properties = {" \
        " 'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST'}," \
        " 'point_in_time_recovery': {'status': 'enabled'}," \
        " 'encryption_specification': {'encryption_type': 'AWS_OWNED_KMS_KEY'}," \
        " 'ttl': {'status': 'enabled'}}")
    wait { status("tables", "orders") == "ACTIVE" }
  },
  "custom properties" => lambda {
    query = "SELECT custom_properties FROM system_schema_mcs.tables WHERE keyspace_name = ? AND table_name = 'orders'"
    found = run(query, KEYSPACE).first["custom_properties"]
    expect(found["capacity_mode"]["throughput_mode"] == "PAY_PER_REQUEST", found)
    expect(found["point_in_time_recovery"]["status"] == "enabled", found)
  },
  "prepared write" => lambda {
    insert = SESSION.prepare(
      "INSERT INTO #{ORDERS} (customer, number, state, placed) VALUES (?, ?, ?, toTimestamp(now()))"
    )
    writes = 25.times.map { |number| SESSION.execute_async(insert, arguments: ["ada", number, "new"]) }
    Cassandra::Future.all(writes).get
  },
  "prepared read" => lambda {
    rows = prepared("SELECT number, state, placed FROM #{ORDERS} WHERE customer = ? AND number <= ?", "ada", 2)
    found = rows.map { |row| [row["number"], row["state"], row["placed"].is_a?(Time)] }
    expect(found == [[2, "new", true], [1, "new", true], [0, "new", true]], found)
  },
  "pages" => lambda {
    page = run("SELECT * FROM #{ORDERS}", page_size: 10)
    found, pages = page.size, 1
    until page.last_page?
      page = page.next_page
      found, pages = found + page.size, pages + 1
    end
    expect(found == 25 && pages >= 3, [found, pages])
  },
  "token range" => lambda {
    query = "SELECT customer FROM #{ORDERS} WHERE token(customer) >= ? AND token(customer) < ? LIMIT ?"
    found = prepared(query, -2**63, 2**63 - 1, 3, consistency: :local_one).size
    expect(found == 3, found)
  },
  "filters" => lambda {
    some = prepared("SELECT number FROM #{ORDERS} WHERE customer = ? AND number IN (?, ?)", "ada", 2, 7)
    expect(some.map { |row| row["number"] }.sort == [2, 7], some.to_a)
    select = "SELECT number FROM #{ORDERS} WHERE state = ? ALLOW FILTERING"
    found = %w[new paid].map { |state| prepared(select, state).size }
    expect(found == [25, 0], found)
  },
  "unlogged batch" => lambda {
    insert = SESSION.prepare("INSERT INTO #{ORDERS} (customer, number, state) VALUES (?, ?, ?)")
    batch = SESSION.unlogged_batch { |each| 30.times { |number| each.add(insert, arguments: ["bob", number, "new"]) } }
    SESSION.execute(batch)
    found = run("SELECT number FROM #{ORDERS} WHERE customer = 'bob'").size
    expect(found == 30, found)
  },
  "user-defined type" => lambda {
    run("CREATE TYPE #{KEYSPACE}.address (street text, city text)")
    wait { status("types", "address") == "ACTIVE" }
    run("CREATE TABLE #{CUSTOMERS} (name text PRIMARY KEY, home frozen<address>)")
    wait { status("tables", "customers") == "ACTIVE" }
    home = Cassandra::UDT.new("street" => "1 Main St", "city" => "London")
    prepared("INSERT INTO #{CUSTOMERS} (name, home) VALUES (?, ?)", "ada", home)
    found = run("SELECT home FROM #{CUSTOMERS} WHERE name = 'ada'").first["home"]
    expect(found == home, found)
  },
  "nested types" => lambda {
    run("CREATE TYPE #{KEYSPACE}.contact (home frozen<address>, emails list<text>, stars map<text, int>)")
    wait { status("types", "contact") == "ACTIVE" }
    run("CREATE TABLE #{PROFILES} (name text PRIMARY KEY, contact frozen<contact>, photo blob)" \
        " WITH default_time_to_live = 3600")
    wait { status("tables", "profiles") == "ACTIVE" }
    home = Cassandra::UDT.new("street" => "1 Main St", "city" => "London")
    emails, stars = ["ada@example.com"], { "shop" => 5 }
    contact = Cassandra::UDT.new("home" => home, "emails" => emails, "stars" => stars)
    prepared("INSERT INTO #{PROFILES} (name, contact) VALUES (?, ?)", "ada", contact)
    query = "SELECT contact.home AS home, contact.emails AS emails, contact.stars AS stars FROM #{PROFILES}"
    found = run(query).first
    expect(found == { "home" => home, "emails" => emails, "stars" => stars }, found)
  },
  "blob" => lambda {
    photo = (0..255).to_a.pack("C*")
    prepared("UPDATE #{PROFILES} SET photo = ? WHERE name = ?", photo, "ada")
    found = run("SELECT photo FROM #{PROFILES} WHERE name = 'ada'").first["photo"]
    expect(found == photo, found)
  },
  "default TTL" => lambda {
    from = "system_schema_mcs.tables WHERE keyspace_name = ? AND table_name = 'profiles'"
    whole = run("SELECT default_time_to_live FROM #{from}", KEYSPACE).first["default_time_to_live"]
    left = run("SELECT TTL(photo) AS left FROM #{PROFILES} WHERE name = 'ada'").first["left"]
    expect(whole == 3600 && left.between?(1, whole), [left, whole])
  },
  "TTL" => lambda {
    insert = "INSERT INTO #{ORDERS} (customer, number, state) VALUES (?, ?, ?) USING TTL ?"
    prepared(insert, "eve", 1, "new", 3600)
    found = run("SELECT TTL(state) AS left FROM #{ORDERS} WHERE customer = 'eve'").first["left"]
    expect(found.between?(1, 3600), found)
  },
  "conditional write" => lambda {
    insert = "INSERT INTO #{ORDERS} (customer, number, state) VALUES (?, ?, ?) IF NOT EXISTS"
    found = 2.times.map { prepared(insert, "joe", 1, "new").first["[applied]"] }
    expect(found == [true, false], found)
    update = "UPDATE #{ORDERS} USING TTL ? SET state = ? WHERE customer = ? AND number = ? IF state = ?"
    found = 2.times.map { prepared(update, 3600, "paid", "joe", 1, "new").first["[applied]"] }
    expect(found == [true, false], found)
  },
  "alter" => lambda {
    run("ALTER TABLE #{ORDERS} ADD note text")
    wait { status("tables", "orders") == "ACTIVE" }
    run("UPDATE #{ORDERS} SET note = 'gift' WHERE customer = 'ada' AND number = 1")
  },
  "delete" => lambda {
    prepared("DELETE FROM #{ORDERS} WHERE customer = ? AND number = ?", "ada", 1)
    found = run("SELECT number FROM #{ORDERS} WHERE customer = 'ada' AND number = 1")
    expect(found.empty?, found.to_a)
  },
  "drop" => lambda {
    %w[orders customers profiles].each do |name|
      run("DROP TABLE IF EXISTS #{KEYSPACE}.#{name}")
      wait { status("tables", name).nil? }
    end
    %w[contact address].each do |name|
      run("DROP TYPE #{KEYSPACE}.#{name}")
      wait { status("types", name).nil? }
    end
    run("DROP KEYSPACE #{KEYSPACE}")
    wait { !there? }
  }
}.freeze

passed = STEPS.map do |name, work|
  work.call
  puts "#{name}: ok"
  true
rescue StandardError => error # a failed step does not stop the next ones
  warn error.full_message
  puts "#{name}: failed: #{error.message.lines.first&.chomp}"
  false
end
CLUSTER.close
exit(passed.all?)
