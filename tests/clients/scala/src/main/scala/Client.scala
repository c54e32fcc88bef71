import com.datastax.oss.driver.api.core.{CqlSession, DefaultConsistencyLevel}
import com.datastax.oss.driver.api.core.config.{DefaultDriverOption, DriverConfigLoader}
import com.datastax.oss.driver.api.core.cql.{BatchStatement, BatchType, Row, SimpleStatement}
import com.datastax.oss.driver.api.core.`type`.UserDefinedType
import java.io.FileInputStream
import java.net.InetSocketAddress
import java.nio.ByteBuffer
import java.security.KeyStore
import java.security.cert.CertificateFactory
import java.time.Duration
import javax.net.ssl.{SSLContext, TrustManagerFactory}
import scala.concurrent.duration.DurationInt
import scala.concurrent.{Await, ExecutionContext, Future}
import scala.jdk.CollectionConverters._
import scala.jdk.FutureConverters._
import scala.util.{Failure, Success, Try, Using}
import software.aws.mcs.auth.SigV4AuthProvider

/** Runs the operations of AWS's samples with the Java driver 4. Usage: Client SIGN_IN KEYSPACE, with SIGN_IN sigv4 or
  * password.
  */
object Client {
  private val region = sys.env("AWS_REGION")

  def main(arguments: Array[String]): Unit = {
    val passed = Using.resource(connect(arguments(0)))(session => new Client(session, arguments(1)).run())
    sys.exit(if (passed) 0 else 1)
  }

  private def connect(signIn: String): CqlSession = {
    val patient = Duration.ofMinutes(1)
    val config = DriverConfigLoader
      .programmaticBuilder()
      .withString(DefaultDriverOption.REQUEST_CONSISTENCY, "LOCAL_QUORUM")
      .withString(DefaultDriverOption.REQUEST_SERIAL_CONSISTENCY, "LOCAL_SERIAL")
      .withBoolean(DefaultDriverOption.REQUEST_DEFAULT_IDEMPOTENCE, true)
      .withDuration(DefaultDriverOption.REQUEST_TIMEOUT, patient)
      .withDuration(DefaultDriverOption.CONNECTION_INIT_QUERY_TIMEOUT, patient)
      .withDuration(DefaultDriverOption.CONNECTION_SET_KEYSPACE_TIMEOUT, patient)
      .withDuration(DefaultDriverOption.CONTROL_CONNECTION_TIMEOUT, patient)
      .build()
    val builder = CqlSession
      .builder()
      .addContactPoint(new InetSocketAddress(sys.env("KEYSPACES_HOST"), sys.env("KEYSPACES_PORT").toInt))
      .withLocalDatacenter(region)
      .withConfigLoader(config)
      .withSslContext(trusting(sys.env("KEYSPACES_CA_FILE")))
    signIn match {
      case "sigv4" => builder.withAuthProvider(new SigV4AuthProvider(region))
      case _       => builder.withAuthCredentials(sys.env("KEYSPACES_USER_NAME"), sys.env("KEYSPACES_PASSWORD"))
    }
    builder.build()
  }

  private def trusting(file: String): SSLContext = {
    val store = KeyStore.getInstance(KeyStore.getDefaultType)
    store.load(null, null)
    Using.resource(new FileInputStream(file)) { pem =>
      for ((each, index) <- CertificateFactory.getInstance("X.509").generateCertificates(pem).asScala.zipWithIndex)
        store.setCertificateEntry(s"authority-$index", each)
    }
    val trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm)
    trust.init(store)
    val context = SSLContext.getInstance("TLS")
    context.init(null, trust.getTrustManagers, null)
    context
  }
}

final private class Client(session: CqlSession, keyspace: String) {
  private val orders = s"$keyspace.orders"
  private val customers = s"$keyspace.customers"
  private val profiles = s"$keyspace.profiles"

  private val steps: Seq[(String, () => Unit)] = Seq(
    "system tables" -> (() => systemTables()),
    "partitioner" -> (() => partitioner()),
    "keyspace" -> (() => createKeyspace()),
    "table" -> (() => createTable()),
    "custom properties" -> (() => customProperties()),
    "prepared write" -> (() => preparedWrite()),
    "prepared read" -> (() => preparedRead()),
    "pages" -> (() => pages()),
    "token range" -> (() => tokenRange()),
    "filters" -> (() => filters()),
    "unlogged batch" -> (() => unloggedBatch()),
    "user-defined type" -> (() => userDefinedType()),
    "nested types" -> (() => nestedTypes()),
    "blob" -> (() => blob()),
    "default TTL" -> (() => defaultTtl()),
    "TTL" -> (() => ttl()),
    "conditional write" -> (() => conditionalWrite()),
    "alter" -> (() => alter()),
    "delete" -> (() => delete()),
    "drop" -> (() => drop())
  )

  /** Returns whether every step passed. A failed step does not stop the next ones. */
  def run(): Boolean = steps.map { case (name, work) =>
    val result = Try(work())
    result match {
      case Success(_)     => println(s"$name: ok")
      case Failure(error) =>
        error.printStackTrace()
        println(s"$name: failed: ${String.valueOf(error.getMessage).linesIterator.nextOption().getOrElse("")}")
    }
    result.isSuccess
  }.forall(identity)

  private def expect(holds: Boolean, found: Any): Unit =
    if (!holds) throw new IllegalStateException(s"not as expected: $found")

  private def waitUntil(condition: => Boolean): Unit = {
    val deadline = 60.seconds.fromNow
    while (!condition) {
      expect(deadline.hasTimeLeft(), "not done after 60 seconds")
      Thread.sleep(100)
    }
  }

  private def all(query: String, values: Any*): Seq[Row] =
    session.execute(SimpleStatement.newInstance(query, values.map(_.asInstanceOf[AnyRef]): _*)).all().asScala.toSeq

  private def one(query: String, values: Any*): Row = all(query, values: _*).head

  private def prepared(query: String, values: Any*) =
    session.prepare(query).bind(values.map(_.asInstanceOf[AnyRef]): _*)

  /** Returns the status of a table or a type, if it exists. */
  private def status(kind: String, name: String): Option[String] = {
    val column = Map("tables" -> "table_name", "types" -> "type_name")(kind)
    val query = s"SELECT status FROM system_schema_mcs.$kind WHERE keyspace_name = ? AND $column = ?"
    all(query, keyspace, name).headOption.map(_.getString("status"))
  }

  private def isActive(kind: String, name: String): Boolean = status(kind, name).contains("ACTIVE")

  private def isThere: Boolean =
    all("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?", keyspace).nonEmpty

  private def systemTables(): Unit = {
    val found = one("SELECT data_center FROM system.local").getString("data_center")
    expect(found == sys.env("AWS_REGION"), found)
    for (table <- Seq("system.peers", "system_schema.keyspaces", "system_schema.tables"))
      expect(all(s"SELECT * FROM $table").nonEmpty, s"$table is empty")
    all("SELECT * FROM system_schema_mcs.tables")
  }

  private def partitioner(): Unit = {
    val murmur3 = "org.apache.cassandra.dht.Murmur3Partitioner"
    session.execute(s"UPDATE system.local SET partitioner = '$murmur3' WHERE key = 'local'")
    waitUntil(one("SELECT partitioner FROM system.local").getString("partitioner") == murmur3)
  }

  private def createKeyspace(): Unit = {
    session.execute(
      s"CREATE KEYSPACE IF NOT EXISTS $keyspace WITH replication = {'class': 'SingleRegionStrategy'}" +
        " AND TAGS = {'team': 'shop'}"
    )
    waitUntil(isThere)
  }

  private def createTable(): Unit = {
    session.execute(
      s"""CREATE TABLE IF NOT EXISTS $orders (customer text, number int, state text, placed timestamp,
         PRIMARY KEY (customer, number)) WITH CLUSTERING ORDER BY (number DESC) AND custom_properties = {
         'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST'},
         'point_in_time_recovery': {'status': 'enabled'},
         'encryption_specification': {'encryption_type': 'AWS_OWNED_KMS_KEY'},
         'ttl': {'status': 'enabled'}}"""
    )
    waitUntil(isActive("tables", "orders"))
  }

  private def customProperties(): Unit = {
    val from = "system_schema_mcs.tables WHERE keyspace_name = ? AND table_name = 'orders'"
    one(s"SELECT custom_properties FROM $from", keyspace).getObject("custom_properties") match {
      case found: java.util.Map[_, _] =>
        val properties = found.asScala.map { case (name, values) => name.toString -> values.toString }
        expect(properties("capacity_mode").contains("throughput_mode=PAY_PER_REQUEST"), found)
        expect(properties("point_in_time_recovery").contains("status=enabled"), found)
      case other => expect(holds = false, other)
    }
  }

  private def preparedWrite(): Unit = {
    val insert =
      session.prepare(s"INSERT INTO $orders (customer, number, state, placed) VALUES (?, ?, ?, toTimestamp(now()))")
    implicit val context: ExecutionContext = ExecutionContext.global
    val writes = (0 until 25).map(number => session.executeAsync(insert.bind("ada", Int.box(number), "new")).asScala)
    Await.result(Future.sequence(writes), 1.minute)
    ()
  }

  private def preparedRead(): Unit = {
    val select = prepared(s"SELECT number, state, placed FROM $orders WHERE customer = ? AND number <= ?", "ada", 2)
    val rows = session.execute(select).asScala.toSeq
    val found = rows.map(row => (row.getInt("number"), row.getString("state"), row.getInstant("placed") != null))
    expect(found == Seq((2, "new", true), (1, "new", true), (0, "new", true)), found)
  }

  private def pages(): Unit = {
    val result = session.execute(SimpleStatement.newInstance(s"SELECT * FROM $orders").setPageSize(10))
    val found = result.asScala.size
    val pages = result.getExecutionInfos.size
    expect(found == 25 && pages >= 3, s"$found rows in $pages pages")
  }

  private def tokenRange(): Unit = {
    val query = s"SELECT customer FROM $orders WHERE token(customer) >= ? AND token(customer) < ? LIMIT ?"
    val select = prepared(query, Long.MinValue, Long.MaxValue, 3)
    val found = session.execute(select.setConsistencyLevel(DefaultConsistencyLevel.LOCAL_ONE)).all().size
    expect(found == 3, found)
  }

  private def filters(): Unit = {
    val some = all(s"SELECT number FROM $orders WHERE customer = ? AND number IN (?, ?)", "ada", 2, 7)
    expect(some.map(_.getInt(0)).toSet == Set(2, 7), some)
    val numbers = Seq("new", "paid").map(all(s"SELECT number FROM $orders WHERE state = ? ALLOW FILTERING", _).size)
    expect(numbers == Seq(25, 0), numbers)
  }

  private def unloggedBatch(): Unit = {
    val insert = session.prepare(s"INSERT INTO $orders (customer, number, state) VALUES (?, ?, ?)")
    val batch = BatchStatement.builder(BatchType.UNLOGGED)
    for (number <- 0 until 30) batch.addStatement(insert.bind("bob", Int.box(number), "new"))
    session.execute(batch.build())
    val found = all(s"SELECT number FROM $orders WHERE customer = 'bob'").size
    expect(found == 30, found)
  }

  /** Returns the column's user-defined type. */
  private def typeOf(insert: String, column: String): UserDefinedType =
    session.prepare(insert).getVariableDefinitions.get(column).getType.asInstanceOf[UserDefinedType]

  private def userDefinedType(): Unit = {
    session.execute(s"CREATE TYPE $keyspace.address (street text, city text)")
    waitUntil(isActive("types", "address"))
    session.execute(s"CREATE TABLE $customers (name text PRIMARY KEY, home frozen<address>)")
    waitUntil(isActive("tables", "customers"))
    val insert = s"INSERT INTO $customers (name, home) VALUES (?, ?)"
    session.execute(prepared(insert, "ada", typeOf(insert, "home").newValue("1 Main St", "London")))
    val found = one(s"SELECT home FROM $customers WHERE name = 'ada'").getUdtValue("home")
    expect(found.getString("street") == "1 Main St" && found.getString("city") == "London", found)
  }

  private def nestedTypes(): Unit = {
    session.execute(
      s"CREATE TYPE $keyspace.contact (home frozen<address>, emails list<text>, stars map<text, int>)"
    )
    waitUntil(isActive("types", "contact"))
    session.execute(
      s"CREATE TABLE $profiles (name text PRIMARY KEY, contact frozen<contact>, photo blob)" +
        " WITH default_time_to_live = 3600"
    )
    waitUntil(isActive("tables", "profiles"))
    val insert = s"INSERT INTO $profiles (name, contact) VALUES (?, ?)"
    val contact = typeOf(insert, "contact")
    val home = contact.getFieldTypes.get(0).asInstanceOf[UserDefinedType].newValue("1 Main St", "London")
    val (emails, stars) = (Seq("ada@example.com").asJava, Map("shop" -> Int.box(5)).asJava)
    session.execute(prepared(insert, "ada", contact.newValue(home, emails, stars)))
    val found = one(s"SELECT contact.home, contact.emails, contact.stars FROM $profiles")
    expect(found.getUdtValue(0).getString("city") == "London", found)
    expect(found.getList(1, classOf[String]) == emails, found)
    expect(found.getMap(2, classOf[String], classOf[Integer]) == stars, found)
  }

  private def blob(): Unit = {
    val photo = ByteBuffer.wrap(Array.tabulate(256)(_.toByte))
    session.execute(prepared(s"UPDATE $profiles SET photo = ? WHERE name = ?", photo, "ada"))
    val found = one(s"SELECT photo FROM $profiles WHERE name = 'ada'").getByteBuffer("photo")
    expect(found == photo, found)
  }

  private def defaultTtl(): Unit = {
    val from = "system_schema_mcs.tables WHERE keyspace_name = ? AND table_name = 'profiles'"
    val whole = one(s"SELECT default_time_to_live FROM $from", keyspace).getInt(0)
    val left = one(s"SELECT TTL(photo) FROM $profiles WHERE name = 'ada'").getInt(0)
    expect(whole == 3600 && left > 0 && left <= whole, s"$left of $whole")
  }

  private def ttl(): Unit = {
    val insert = s"INSERT INTO $orders (customer, number, state) VALUES (?, ?, ?) USING TTL ?"
    session.execute(prepared(insert, "eve", 1, "new", 3600))
    val seconds = one(s"SELECT TTL(state) FROM $orders WHERE customer = 'eve'").getInt(0)
    expect(seconds > 0 && seconds <= 3600, seconds)
  }

  private def conditionalWrite(): Unit = {
    val insert = s"INSERT INTO $orders (customer, number, state) VALUES (?, ?, ?) IF NOT EXISTS"
    val inserts = Seq.fill(2)(session.execute(prepared(insert, "joe", 1, "new")).wasApplied)
    expect(inserts == Seq(true, false), inserts)
    val update = s"UPDATE $orders USING TTL ? SET state = ? WHERE customer = ? AND number = ? IF state = ?"
    val updates = Seq.fill(2)(session.execute(prepared(update, 3600, "paid", "joe", 1, "new")).wasApplied)
    expect(updates == Seq(true, false), updates)
  }

  private def alter(): Unit = {
    session.execute(s"ALTER TABLE $orders ADD note text")
    waitUntil(isActive("tables", "orders"))
    session.execute(s"UPDATE $orders SET note = 'gift' WHERE customer = 'ada' AND number = 1")
    ()
  }

  private def delete(): Unit = {
    session.execute(prepared(s"DELETE FROM $orders WHERE customer = ? AND number = ?", "ada", 1))
    val found = all(s"SELECT number FROM $orders WHERE customer = 'ada' AND number = 1")
    expect(found.isEmpty, found)
  }

  private def drop(): Unit = {
    for (name <- Seq("orders", "customers", "profiles")) {
      session.execute(s"DROP TABLE IF EXISTS $keyspace.$name")
      waitUntil(status("tables", name).isEmpty)
    }
    for (name <- Seq("contact", "address")) {
      session.execute(s"DROP TYPE $keyspace.$name")
      waitUntil(status("types", name).isEmpty)
    }
    session.execute(s"DROP KEYSPACE $keyspace")
    waitUntil(!isThere)
  }
}
