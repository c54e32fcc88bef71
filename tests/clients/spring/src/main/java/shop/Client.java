package shop;

import static shop.Steps.await;
import static shop.Steps.expect;

import com.datastax.oss.driver.api.core.cql.BatchType;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.cassandra.autoconfigure.CqlSessionBuilderCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Profile;
import org.springframework.data.cassandra.core.CassandraTemplate;
import org.springframework.data.cassandra.core.InsertOptions;
import org.springframework.data.cassandra.core.UpdateOptions;
import org.springframework.data.cassandra.core.cql.CqlOperations;
import org.springframework.data.cassandra.core.query.CassandraPageRequest;
import org.springframework.data.cassandra.core.query.Criteria;
import org.springframework.data.domain.Slice;
import org.springframework.stereotype.Component;
import software.aws.mcs.auth.SigV4AuthProvider;

/**
 * Runs the operations of AWS's samples with Spring Boot. Usage: Client SIGN_IN KEYSPACE, with SIGN_IN sigv4 or password.
 */
@SpringBootApplication
class Client {
  public static void main(String[] arguments) {
    Steps steps = new Steps();
    start(arguments[0], "", (work, keyspace) -> work.prepare(steps, arguments[1]));
    start(arguments[0], arguments[1], (work, keyspace) -> work.use(steps, keyspace));
    System.exit(steps.failed ? 1 : 0);
  }

  /** Starts the application with a session that uses the keyspace, or none if it is "". */
  private static void start(String signIn, String keyspace, BiConsumer<Work, String> run) {
    var application =
        new SpringApplicationBuilder(Client.class)
            .profiles(signIn)
            .properties(keyspace.isEmpty() ? Map.of() : Map.of("spring.cassandra.keyspace-name", keyspace));
    try (var context = application.run()) {
      run.accept(context.getBean(Work.class), keyspace);
    }
  }

  @Bean
  @Profile("sigv4")
  CqlSessionBuilderCustomizer signIn(@Value("${AWS_REGION}") String region) {
    return builder -> builder.withAuthProvider(new SigV4AuthProvider(region));
  }
}

@Component
class Work {
  private final CqlOperations cql;
  private final CassandraTemplate template;
  private final Orders orders;
  private final String region;

  Work(CassandraTemplate template, Orders orders, @Value("${AWS_REGION}") String region) {
    this.cql = template.getCqlOperations();
    this.template = template;
    this.orders = orders;
    this.region = region;
  }

  void prepare(Steps steps, String keyspace) {
    steps.take("system tables", this::systemTables);
    steps.take("partitioner", this::partitioner);
    steps.take("keyspace", () -> createKeyspace(keyspace));
    steps.take("table", () -> createTable(keyspace));
    steps.take("custom properties", () -> customProperties(keyspace));
  }

  void use(Steps steps, String keyspace) {
    steps.take("prepared write", this::preparedWrite);
    steps.take("prepared read", this::preparedRead);
    steps.take("pages", this::pages);
    steps.take("token range", this::tokenRange);
    steps.take("filters", this::filters);
    steps.take("unlogged batch", this::unloggedBatch);
    steps.take("user-defined type", () -> userDefinedType(keyspace));
    steps.take("nested types", () -> nestedTypes(keyspace));
    steps.take("blob", this::blob);
    steps.take("default TTL", () -> defaultTtl(keyspace));
    steps.take("TTL", this::ttl);
    steps.take("conditional write", this::conditionalWrite);
    steps.take("alter", () -> alter(keyspace));
    steps.take("delete", this::delete);
    steps.take("drop", () -> drop(keyspace));
  }

  /** Returns the status of a table or a type, or "" if it does not exist. */
  private String status(String kind, String keyspace, String name) {
    String column = kind.equals("tables") ? "table_name" : "type_name";
    String from = "SELECT status FROM system_schema_mcs." + kind;
    var found =
        cql.queryForList(from + " WHERE keyspace_name = ? AND " + column + " = ?", String.class, keyspace, name);
    return found.isEmpty() ? "" : found.get(0);
  }

  private void systemTables() {
    String found = cql.queryForObject("SELECT data_center FROM system.local", String.class);
    expect(region.equals(found), found);
    for (String table : List.of("system.peers", "system_schema.keyspaces", "system_schema.tables")) {
      expect(!cql.queryForList("SELECT * FROM " + table).isEmpty(), table + " is empty");
    }
    cql.queryForList("SELECT * FROM system_schema_mcs.tables");
  }

  private void partitioner() throws Exception {
    String murmur3 = "org.apache.cassandra.dht.Murmur3Partitioner";
    cql.execute("UPDATE system.local SET partitioner = '" + murmur3 + "' WHERE key = 'local'");
    await(() -> murmur3.equals(cql.queryForObject("SELECT partitioner FROM system.local", String.class)));
  }

  private void createKeyspace(String keyspace) throws Exception {
    cql.execute(
        "CREATE KEYSPACE IF NOT EXISTS " + keyspace
            + " WITH replication = {'class': 'SingleRegionStrategy'} AND TAGS = {'team': 'shop'}");
    await(() -> isThere(keyspace));
  }

  private boolean isThere(String keyspace) {
    String query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
    return !cql.queryForList(query, keyspace).isEmpty();
  }

  private void createTable(String keyspace) throws Exception {
    cql.execute(
        "CREATE TABLE IF NOT EXISTS " + keyspace + ".orders"
            + " (customer text, number int, state text, placed timestamp, PRIMARY KEY (customer, number))"
            + " WITH CLUSTERING ORDER BY (number DESC) AND custom_properties = {"
            + " 'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST'},"
            + " 'point_in_time_recovery': {'status': 'enabled'},"
            + " 'encryption_specification': {'encryption_type': 'AWS_OWNED_KMS_KEY'},"
            + " 'ttl': {'status': 'enabled'}}");
    await(() -> status("tables", keyspace, "orders").equals("ACTIVE"));
  }

  private void customProperties(String keyspace) {
    String query =
        "SELECT custom_properties FROM system_schema_mcs.tables WHERE keyspace_name = ? AND table_name = 'orders'";
    @SuppressWarnings("unchecked")
    var found = (Map<String, Map<String, String>>) cql.queryForObject(query, Map.class, keyspace);
    expect("PAY_PER_REQUEST".equals(found.get("capacity_mode").get("throughput_mode")), found);
    expect("enabled".equals(found.get("point_in_time_recovery").get("status")), found);
  }

  private static List<Order> orders(String customer, int count) {
    return IntStream.range(0, count).mapToObj(number -> Order.of(customer, number, "new")).toList();
  }

  private void preparedWrite() {
    orders.saveAll(orders("ada", 25));
  }

  private void preparedRead() {
    var found = orders.findByKeyCustomerAndKeyNumberLessThanEqual("ada", 2);
    expect(found.stream().map(each -> each.key().number()).toList().equals(List.of(2, 1, 0)), found);
    expect(found.stream().allMatch(each -> each.state().equals("new") && each.placed() != null), found);
  }

  private void pages() {
    Slice<Order> slice = orders.findAll(CassandraPageRequest.first(10));
    int found = slice.getNumberOfElements();
    int pages = 1;
    for (; slice.hasNext(); pages++) {
      slice = orders.findAll(slice.nextPageable());
      found += slice.getNumberOfElements();
    }
    expect(found == 25 && pages >= 3, found + " rows in " + pages + " pages");
  }

  private void tokenRange() {
    int found = orders.findByTokens(Long.MIN_VALUE, Long.MAX_VALUE, 3).size();
    expect(found == 3, found);
  }

  private void filters() {
    var some = orders.findByKeyCustomerAndKeyNumberIn("ada", List.of(2, 7));
    expect(some.size() == 2, some);
    var numbers = List.of(orders.findByState("new").size(), orders.findByState("paid").size());
    expect(numbers.equals(List.of(25, 0)), numbers);
  }

  private void unloggedBatch() {
    template.batchOps(BatchType.UNLOGGED).insert(orders("bob", 30)).execute();
    int found = orders.findByKeyCustomer("bob").size();
    expect(found == 30, found);
  }

  private void userDefinedType(String keyspace) throws Exception {
    cql.execute("CREATE TYPE " + keyspace + ".address (street text, city text)");
    await(() -> status("types", keyspace, "address").equals("ACTIVE"));
    cql.execute("CREATE TABLE " + keyspace + ".customers (name text PRIMARY KEY, home frozen<address>)");
    await(() -> status("tables", keyspace, "customers").equals("ACTIVE"));
    var ada = new Customer("ada", new Customer.Address("1 Main St", "London"));
    template.insert(ada);
    var found = template.selectOneById("ada", Customer.class);
    expect(ada.equals(found), found);
  }

  private void nestedTypes(String keyspace) throws Exception {
    cql.execute(
        "CREATE TYPE " + keyspace + ".contact (home frozen<address>, emails list<text>, stars map<text, int>)");
    await(() -> status("types", keyspace, "contact").equals("ACTIVE"));
    cql.execute(
        "CREATE TABLE " + keyspace + ".profiles (name text PRIMARY KEY, contact frozen<contact>, photo blob)"
            + " WITH default_time_to_live = 3600");
    await(() -> status("tables", keyspace, "profiles").equals("ACTIVE"));
    var home = new Customer.Address("1 Main St", "London");
    var contact = new CustomerProfile.Contact(home, List.of("ada@example.com"), Map.of("shop", 5));
    template.insert(new CustomerProfile("ada", contact, null));
    var found = template.selectOneById("ada", CustomerProfile.class);
    expect(found.contact().equals(contact), found);
    String city = cql.queryForObject("SELECT contact.home.city FROM profiles WHERE name = ?", String.class, "ada");
    expect("London".equals(city), city);
  }

  private void blob() {
    ByteBuffer photo = ByteBuffer.allocate(256);
    for (int each = 0; each < 256; each++) {
      photo.put(each, (byte) each);
    }
    template.insert(new CustomerProfile("ada", null, photo)); // Spring does not write null values
    var found = template.selectOneById("ada", CustomerProfile.class);
    expect(found.photo().equals(photo) && found.contact() != null, found);
  }

  private void defaultTtl(String keyspace) {
    String from = " FROM system_schema_mcs.tables WHERE keyspace_name = ? AND table_name = 'profiles'";
    int whole = cql.queryForObject("SELECT default_time_to_live" + from, Integer.class, keyspace);
    int left = cql.queryForObject("SELECT TTL(photo) FROM profiles WHERE name = 'ada'", Integer.class);
    expect(whole == 3600 && left > 0 && left <= whole, left + " of " + whole);
  }

  private void ttl() {
    template.insert(Order.of("eve", 1, "new"), InsertOptions.builder().ttl(3600).build());
    int seconds = cql.queryForObject("SELECT TTL(state) FROM orders WHERE customer = 'eve'", Integer.class);
    expect(seconds > 0 && seconds <= 3600, seconds);
  }

  private void conditionalWrite() {
    var ifMissing = InsertOptions.builder().withIfNotExists().build();
    expect(template.insert(Order.of("joe", 1, "new"), ifMissing).wasApplied(), "the first INSERT");
    expect(!template.insert(Order.of("joe", 1, "new"), ifMissing).wasApplied(), "the second INSERT");
    var ifNew = UpdateOptions.builder().ttl(3600).ifCondition(Criteria.where("state").is("new")).build();
    expect(template.update(Order.of("joe", 1, "paid"), ifNew).wasApplied(), "the first UPDATE");
    expect(!template.update(Order.of("joe", 1, "paid"), ifNew).wasApplied(), "the second UPDATE");
  }

  private void alter(String keyspace) throws Exception {
    cql.execute("ALTER TABLE " + keyspace + ".orders ADD note text");
    await(() -> status("tables", keyspace, "orders").equals("ACTIVE"));
    cql.execute("UPDATE orders SET note = 'gift' WHERE customer = 'ada' AND number = 1");
  }

  private void delete() {
    orders.deleteById(new Order.Key("ada", 1));
    expect(orders.findById(new Order.Key("ada", 1)).isEmpty(), "the order is still there");
  }

  private void drop(String keyspace) throws Exception {
    for (String name : List.of("orders", "customers", "profiles")) {
      cql.execute("DROP TABLE IF EXISTS " + keyspace + "." + name);
      await(() -> status("tables", keyspace, name).isEmpty());
    }
    for (String name : List.of("contact", "address")) {
      cql.execute("DROP TYPE " + keyspace + "." + name);
      await(() -> status("types", keyspace, name).isEmpty());
    }
    cql.execute("DROP KEYSPACE " + keyspace);
    await(() -> !isThere(keyspace));
  }
}
