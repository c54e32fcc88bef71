import com.datastax.driver.core.BatchStatement;
import com.datastax.driver.core.Cluster;
import com.datastax.driver.core.ConsistencyLevel;
import com.datastax.driver.core.PreparedStatement;
import com.datastax.driver.core.QueryOptions;
import com.datastax.driver.core.RemoteEndpointAwareJdkSSLOptions;
import com.datastax.driver.core.ResultSet;
import com.datastax.driver.core.ResultSetFuture;
import com.datastax.driver.core.Row;
import com.datastax.driver.core.Session;
import com.datastax.driver.core.SimpleStatement;
import com.datastax.driver.core.SocketOptions;
import com.datastax.driver.core.UDTValue;
import com.datastax.driver.core.UserType;
import com.datastax.driver.core.policies.DCAwareRoundRobinPolicy;
import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import software.aws.mcs.auth.SigV4AuthProvider;

/**
 * Runs the operations of AWS's samples with the Java driver 3. Usage: Client SIGN_IN KEYSPACE, with SIGN_IN sigv4 or password.
 */
final class Client {
  private static final String REGION = System.getenv("AWS_REGION");
  private static boolean failed = false;

  private final Session session;
  private final String keyspace;
  private final String orders;
  private final String profiles;

  private Client(Session session, String keyspace) {
    this.session = session;
    this.keyspace = keyspace;
    this.orders = keyspace + ".orders";
    this.profiles = keyspace + ".profiles";
  }

  public static void main(String[] arguments) throws Exception {
    try (Cluster cluster = cluster(arguments[0]);
        Session session = cluster.connect()) {
      Client client = new Client(session, arguments[1]);
      step("system tables", client::systemTables);
      step("partitioner", client::partitioner);
      step("keyspace", client::createKeyspace);
      step("table", client::createTable);
      step("custom properties", client::customProperties);
      step("prepared write", client::preparedWrite);
      step("prepared read", client::preparedRead);
      step("pages", client::pages);
      step("token range", client::tokenRange);
      step("filters", client::filters);
      step("unlogged batch", client::unloggedBatch);
      step("user-defined type", client::userDefinedType);
      step("nested types", client::nestedTypes);
      step("blob", client::blob);
      step("default TTL", client::defaultTtl);
      step("TTL", client::ttl);
      step("conditional write", client::conditionalWrite);
      step("alter", client::alter);
      step("delete", client::delete);
      step("drop", client::drop);
    }
    System.exit(failed ? 1 : 0);
  }

  private static Cluster cluster(String signIn) throws Exception {
    int patient = (int) Duration.ofMinutes(1).toMillis();
    var tls =
        RemoteEndpointAwareJdkSSLOptions.builder()
            .withSSLContext(trusting(System.getenv("KEYSPACES_CA_FILE")))
            .build();
    var builder =
        Cluster.builder()
            .addContactPoint(System.getenv("KEYSPACES_HOST"))
            .withPort(Integer.parseInt(System.getenv("KEYSPACES_PORT")))
            .withLoadBalancingPolicy(DCAwareRoundRobinPolicy.builder().withLocalDc(REGION).build())
            .withQueryOptions(
                new QueryOptions()
                    .setConsistencyLevel(ConsistencyLevel.LOCAL_QUORUM)
                    .setSerialConsistencyLevel(ConsistencyLevel.LOCAL_SERIAL)
                    .setDefaultIdempotence(true))
            .withSocketOptions(
                new SocketOptions().setConnectTimeoutMillis(patient).setReadTimeoutMillis(patient))
            .withSSL(tls)
            .withoutJMXReporting();
    if (signIn.equals("sigv4")) {
      builder.withAuthProvider(new SigV4AuthProvider(REGION));
    } else {
      builder.withCredentials(System.getenv("KEYSPACES_USER_NAME"), System.getenv("KEYSPACES_PASSWORD"));
    }
    return builder.build();
  }

  private static SSLContext trusting(String file) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream pem = new FileInputStream(file)) {
      for (Certificate each : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
        store.setCertificateEntry("authority-" + store.size(), each);
      }
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  private interface Work {
    void run() throws Exception;
  }

  private static void step(String name, Work work) {
    try {
      work.run();
      System.out.println(name + ": ok");
    } catch (Exception | AssertionError error) { // the next step is of interest all the same
      failed = true;
      error.printStackTrace();
      System.out.println(name + ": failed: " + String.valueOf(error.getMessage()).lines().findFirst().orElse(""));
    }
  }

  private static void expect(boolean holds, Object found) {
    if (!holds) {
      throw new AssertionError("not as expected: " + found);
    }
  }

  private static void await(Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
    while (!condition.call()) {
      expect(System.nanoTime() < deadline, "not done after 60 seconds");
      Thread.sleep(100);
    }
  }

  private Row one(String query, Object... values) {
    return session.execute(query, values).one();
  }

  private int count(String query, Object... values) {
    return session.execute(query, values).all().size();
  }

  /** Of a table or a type; "" if it is not there. */
  private String status(String kind, String name) {
    String column = kind.equals("tables") ? "table_name" : "type_name";
    String from = "SELECT status FROM system_schema_mcs." + kind;
    Row row = one(from + " WHERE keyspace_name = ? AND " + column + " = ?", keyspace, name);
    return row == null ? "" : row.getString("status");
  }

  private void systemTables() {
    String found = one("SELECT data_center FROM system.local").getString("data_center");
    expect(REGION.equals(found), found);
    for (String table : List.of("system.peers", "system_schema.keyspaces", "system_schema.tables")) {
      expect(count("SELECT * FROM " + table) > 0, table + " is empty");
    }
    count("SELECT * FROM system_schema_mcs.tables");
  }

  private void partitioner() throws Exception {
    String murmur3 = "org.apache.cassandra.dht.Murmur3Partitioner";
    session.execute("UPDATE system.local SET partitioner = '" + murmur3 + "' WHERE key = 'local'");
    await(() -> murmur3.equals(one("SELECT partitioner FROM system.local").getString("partitioner")));
  }

  private void createKeyspace() throws Exception {
    session.execute(
        "CREATE KEYSPACE IF NOT EXISTS " + keyspace
            + " WITH replication = {'class': 'SingleRegionStrategy'} AND TAGS = {'team': 'shop'}");
    await(() -> isThere());
  }

  private boolean isThere() {
    return count("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?", keyspace) > 0;
  }

  private void createTable() throws Exception {
    session.execute(
        "CREATE TABLE IF NOT EXISTS " + orders
            + " (customer text, number int, state text, placed timestamp, PRIMARY KEY (customer, number))"
            + " WITH CLUSTERING ORDER BY (number DESC) AND custom_properties = {"
            + " 'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST'},"
            + " 'point_in_time_recovery': {'status': 'enabled'},"
            + " 'encryption_specification': {'encryption_type': 'AWS_OWNED_KMS_KEY'},"
            + " 'ttl': {'status': 'enabled'}}");
    await(() -> status("tables", "orders").equals("ACTIVE"));
  }

  private void customProperties() {
    Row row =
        one(
            "SELECT custom_properties FROM system_schema_mcs.tables"
                + " WHERE keyspace_name = ? AND table_name = 'orders'",
            keyspace);
    @SuppressWarnings("unchecked")
    var found = (Map<String, Map<String, String>>) row.getObject("custom_properties");
    expect("PAY_PER_REQUEST".equals(found.get("capacity_mode").get("throughput_mode")), found);
    expect("enabled".equals(found.get("point_in_time_recovery").get("status")), found);
  }

  private void preparedWrite() throws Exception {
    PreparedStatement insert =
        session.prepare(
            "INSERT INTO " + orders + " (customer, number, state, placed) VALUES (?, ?, ?, toTimestamp(now()))");
    List<ResultSetFuture> writes = new ArrayList<>();
    for (int number = 0; number < 25; number++) {
      writes.add(session.executeAsync(insert.bind("ada", number, "new")));
    }
    for (ResultSetFuture each : writes) {
      each.getUninterruptibly();
    }
  }

  private void preparedRead() {
    PreparedStatement select =
        session.prepare("SELECT number, state, placed FROM " + orders + " WHERE customer = ? AND number <= ?");
    List<String> found = new ArrayList<>();
    for (Row row : session.execute(select.bind("ada", 2))) {
      found.add(row.getInt("number") + row.getString("state") + (row.getTimestamp("placed") != null));
    }
    expect(found.equals(List.of("2newtrue", "1newtrue", "0newtrue")), found);
  }

  private void pages() {
    ResultSet result = session.execute(new SimpleStatement("SELECT * FROM " + orders).setFetchSize(10));
    int found = 0;
    for (Row ignored : result) {
      found++;
    }
    int pages = result.getAllExecutionInfo().size();
    expect(found == 25 && pages >= 3, found + " rows in " + pages + " pages");
  }

  private void tokenRange() {
    PreparedStatement select =
        session.prepare(
            "SELECT customer FROM " + orders + " WHERE token(customer) >= ? AND token(customer) < ? LIMIT ?");
    var bound = select.bind(Long.MIN_VALUE, Long.MAX_VALUE, 3);
    int found = session.execute(bound.setConsistencyLevel(ConsistencyLevel.LOCAL_ONE)).all().size();
    expect(found == 3, found);
  }

  private void filters() {
    String select = "SELECT number FROM " + orders + " WHERE ";
    int some = count(select + "customer = ? AND number IN (?, ?)", "ada", 2, 7);
    expect(some == 2, some);
    int created = count(select + "state = ? ALLOW FILTERING", "new");
    int paid = count(select + "state = ? ALLOW FILTERING", "paid");
    expect(created == 25 && paid == 0, created + " new, " + paid + " paid");
  }

  private void unloggedBatch() {
    PreparedStatement insert =
        session.prepare("INSERT INTO " + orders + " (customer, number, state) VALUES (?, ?, ?)");
    BatchStatement batch = new BatchStatement(BatchStatement.Type.UNLOGGED);
    for (int number = 0; number < 30; number++) {
      batch.add(insert.bind("bob", number, "new"));
    }
    session.execute(batch);
    int found = count("SELECT number FROM " + orders + " WHERE customer = 'bob'");
    expect(found == 30, found);
  }

  private void userDefinedType() throws Exception {
    String customers = keyspace + ".customers";
    session.execute("CREATE TYPE " + keyspace + ".address (street text, city text)");
    await(() -> status("types", "address").equals("ACTIVE"));
    session.execute("CREATE TABLE " + customers + " (name text PRIMARY KEY, home frozen<address>)");
    await(() -> status("tables", "customers").equals("ACTIVE"));
    PreparedStatement insert = session.prepare("INSERT INTO " + customers + " (name, home) VALUES (?, ?)");
    UserType address = (UserType) insert.getVariables().getType("home");
    session.execute(insert.bind("ada", address.newValue().setString("street", "1 Main St").setString("city", "London")));
    UDTValue found = one("SELECT home FROM " + customers + " WHERE name = 'ada'").getUDTValue("home");
    expect(found.getString("street").equals("1 Main St") && found.getString("city").equals("London"), found);
  }

  private void nestedTypes() throws Exception {
    session.execute(
        "CREATE TYPE " + keyspace + ".contact (home frozen<address>, emails list<text>, stars map<text, int>)");
    await(() -> status("types", "contact").equals("ACTIVE"));
    session.execute(
        "CREATE TABLE " + profiles + " (name text PRIMARY KEY, contact frozen<contact>, photo blob)"
            + " WITH default_time_to_live = 3600");
    await(() -> status("tables", "profiles").equals("ACTIVE"));
    PreparedStatement insert = session.prepare("INSERT INTO " + profiles + " (name, contact) VALUES (?, ?)");
    UserType contact = (UserType) insert.getVariables().getType("contact");
    UserType address = (UserType) contact.getFieldType("home");
    List<String> emails = List.of("ada@example.com");
    Map<String, Integer> stars = Map.of("shop", 5);
    UDTValue home = address.newValue().setString("street", "1 Main St").setString("city", "London");
    UDTValue written =
        contact.newValue()
            .setUDTValue("home", home)
            .setList("emails", emails, String.class)
            .setMap("stars", stars, String.class, Integer.class);
    session.execute(insert.bind("ada", written));
    Row found = one("SELECT contact.home, contact.emails, contact.stars FROM " + profiles);
    expect("London".equals(found.getUDTValue(0).getString("city")), found);
    expect(found.getList(1, String.class).equals(emails), found);
    expect(found.getMap(2, String.class, Integer.class).equals(stars), found);
  }

  private void blob() {
    ByteBuffer photo = ByteBuffer.allocate(256);
    for (int each = 0; each < 256; each++) {
      photo.put(each, (byte) each);
    }
    session.execute(session.prepare("UPDATE " + profiles + " SET photo = ? WHERE name = ?").bind(photo, "ada"));
    ByteBuffer found = one("SELECT photo FROM " + profiles + " WHERE name = 'ada'").getBytes("photo");
    expect(photo.equals(found), found);
  }

  private void defaultTtl() {
    String from = " FROM system_schema_mcs.tables WHERE keyspace_name = ? AND table_name = 'profiles'";
    int whole = one("SELECT default_time_to_live" + from, keyspace).getInt(0);
    int left = one("SELECT TTL(photo) FROM " + profiles + " WHERE name = 'ada'").getInt(0);
    expect(whole == 3600 && left > 0 && left <= whole, left + " of " + whole);
  }

  private void ttl() {
    PreparedStatement insert =
        session.prepare("INSERT INTO " + orders + " (customer, number, state) VALUES (?, ?, ?) USING TTL ?");
    session.execute(insert.bind("eve", 1, "new", 3600));
    int seconds = one("SELECT TTL(state) FROM " + orders + " WHERE customer = 'eve'").getInt(0);
    expect(seconds > 0 && seconds <= 3600, seconds);
  }

  private void conditionalWrite() {
    PreparedStatement insert =
        session.prepare("INSERT INTO " + orders + " (customer, number, state) VALUES (?, ?, ?) IF NOT EXISTS");
    expect(session.execute(insert.bind("joe", 1, "new")).wasApplied(), "the first INSERT");
    expect(!session.execute(insert.bind("joe", 1, "new")).wasApplied(), "the second INSERT");
    PreparedStatement update =
        session.prepare(
            "UPDATE " + orders + " USING TTL ? SET state = ? WHERE customer = ? AND number = ? IF state = ?");
    expect(session.execute(update.bind(3600, "paid", "joe", 1, "new")).wasApplied(), "the first UPDATE");
    expect(!session.execute(update.bind(3600, "paid", "joe", 1, "new")).wasApplied(), "the second UPDATE");
  }

  private void alter() throws Exception {
    session.execute("ALTER TABLE " + orders + " ADD note text");
    await(() -> status("tables", "orders").equals("ACTIVE"));
    session.execute("UPDATE " + orders + " SET note = 'gift' WHERE customer = 'ada' AND number = 1");
  }

  private void delete() {
    session.execute(
        session.prepare("DELETE FROM " + orders + " WHERE customer = ? AND number = ?").bind("ada", 1));
    int found = count("SELECT number FROM " + orders + " WHERE customer = 'ada' AND number = 1");
    expect(found == 0, found);
  }

  private void drop() throws Exception {
    for (String name : List.of("orders", "customers", "profiles")) {
      session.execute("DROP TABLE IF EXISTS " + keyspace + "." + name);
      await(() -> status("tables", name).isEmpty());
    }
    for (String name : List.of("contact", "address")) {
      session.execute("DROP TYPE " + keyspace + "." + name);
      await(() -> status("types", name).isEmpty());
    }
    session.execute("DROP KEYSPACE " + keyspace);
    await(() -> !isThere());
  }
}
