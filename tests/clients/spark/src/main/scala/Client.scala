import com.datastax.oss.driver.api.core.CqlSession
import com.datastax.oss.driver.api.core.cql.{Row => CqlRow}
import com.datastax.spark.connector._
import com.datastax.spark.connector.cql.CassandraConnector
import java.io.{ByteArrayInputStream, ByteArrayOutputStream, FileInputStream}
import java.nio.file.{Files, Path}
import java.security.KeyStore
import java.security.cert.CertificateFactory
import java.util.zip.{GZIPInputStream, GZIPOutputStream}
import org.apache.spark.sql.cassandra._
import org.apache.spark.sql.functions.{col, collect_list, desc, struct, to_json, udf}
import org.apache.spark.sql.{DataFrame, Row, SparkSession}
import scala.concurrent.duration.DurationInt
import scala.jdk.CollectionConverters._
import scala.util.{Failure, Random, Success, Try, Using}

/** Runs the operations of AWS's samples for Glue with Spark's Cassandra connector, in Spark's local mode. Usage: Client
  * SIGN_IN KEYSPACE, with SIGN_IN sigv4 or password.
  */
object Client {
  private val folder = Path.of("target")

  def main(arguments: Array[String]): Unit = {
    trust(sys.env("KEYSPACES_CA_FILE"), folder.resolve("truststore.p12"))
    val spark = start(arguments(0))
    val passed = new Client(spark, arguments(1), folder.resolve(s"export-${arguments(1)}").toString).run()
    spark.stop()
    sys.exit(if (passed) 0 else 1)
  }

  private def start(signIn: String): SparkSession =
    SparkSession
      .builder()
      .master("local[2]")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.driver.bindAddress", "127.0.0.1")
      .config("spark.sql.shuffle.partitions", "2")
      .config("spark.sql.extensions", "com.datastax.spark.connector.CassandraSparkExtensions")
      .config("spark.cassandra.connection.config.profile.path", Path.of(s"$signIn.conf").toUri.toString)
      .config("spark.cassandra.input.consistency.level", "LOCAL_ONE")
      .config("spark.cassandra.output.consistency.level", "LOCAL_QUORUM")
      .config("spark.cassandra.output.batch.grouping.key", "none")
      .config("spark.cassandra.output.batch.size.rows", "1")
      .config("spark.cassandra.output.ignoreNulls", "true")
      .getOrCreate()

  /** Converts the certificates. They are public, so the file's password is not a secret. */
  private def trust(pem: String, file: Path): Unit = {
    val store = KeyStore.getInstance("PKCS12")
    store.load(null, null)
    Using.resource(new FileInputStream(pem)) { from =>
      for ((each, index) <- CertificateFactory.getInstance("X.509").generateCertificates(from).asScala.zipWithIndex)
        store.setCertificateEntry(s"authority-$index", each)
    }
    Using.resource(Files.newOutputStream(file))(store.store(_, "public".toCharArray))
  }

  def compress(text: String): Array[Byte] = {
    val bytes = new ByteArrayOutputStream()
    Using.resource(new GZIPOutputStream(bytes))(_.write(text.getBytes("UTF-8")))
    bytes.toByteArray
  }

  def decompress(bytes: Array[Byte]): String =
    Using.resource(new GZIPInputStream(new ByteArrayInputStream(bytes)))(from => new String(from.readAllBytes(), "UTF-8"))

  /** Extends the row's TTL by half an hour if its state has not changed. Returns whether the write was applied. */
  def prolong(table: String, row: Row, connector: CassandraConnector): Boolean = connector.withSessionDo { session =>
    val query = s"UPDATE $table USING TTL ? SET state = ? WHERE customer = ? AND number = ? IF state = ?"
    val state = row.getAs[String]("state")
    val (ttl, number) = (Int.box(row.getAs[Int]("seconds") + 1800), Int.box(row.getAs[Int]("number")))
    session.execute(session.prepare(query).bind(ttl, state, row.getAs[String]("customer"), number, state)).wasApplied
  }
}

final private class Client(spark: SparkSession, keyspace: String, exported: String) {
  import spark.implicits._

  private val connector = CassandraConnector(spark.sparkContext.getConf)

  private val steps: Seq[(String, () => Unit)] = Seq(
    "system tables" -> (() => systemTables()),
    "partitioner" -> (() => partitioner()),
    "keyspace" -> (() => createKeyspace()),
    "table" -> (() => createTables()),
    "write" -> (() => write()),
    "read" -> (() => read()),
    "filter" -> (() => filter()),
    "group" -> (() => group()),
    "export" -> (() => exportRows()),
    "import" -> (() => importRows()),
    "compress" -> (() => compress()),
    "TTL" -> (() => timeToLive()),
    "conditional write" -> (() => conditionalWrite()),
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

  private def execute(query: String, values: AnyRef*): Seq[CqlRow] =
    connector.withSessionDo((session: CqlSession) => session.execute(query, values: _*).all().asScala.toSeq)

  private def status(table: String): Option[String] = {
    val query = "SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = ? AND table_name = ?"
    execute(query, keyspace, table).headOption.map(_.getString("status"))
  }

  private def isThere: Boolean =
    execute("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?", keyspace).nonEmpty

  /** Spark evaluates all filters, as in the samples. */
  private def load(table: String): DataFrame =
    spark.read.format("org.apache.spark.sql.cassandra").options(options(table) + ("pushdown" -> "false")).load()

  /** DataFrame.count() sends SELECT count(*), which Keyspaces refuses. */
  private def count(rows: DataFrame): Long = rows.toJavaRDD.count()

  private def append(rows: DataFrame, table: String, more: (String, String)*): Unit =
    rows.write.format("org.apache.spark.sql.cassandra").options(options(table) ++ more).mode("append").save()

  private def options(table: String) = Map("keyspace" -> keyspace, "table" -> table)

  private def systemTables(): Unit = {
    expect(execute("SELECT * FROM system.peers").nonEmpty, "system.peers is empty")
    expect(execute("SELECT * FROM system_schema.tables").nonEmpty, "system_schema.tables is empty")
  }

  private def partitioner(): Unit = {
    val murmur3 = "org.apache.cassandra.dht.Murmur3Partitioner"
    execute(s"UPDATE system.local SET partitioner = '$murmur3' WHERE key = 'local'")
    waitUntil(execute("SELECT partitioner FROM system.local").head.getString("partitioner") == murmur3)
  }

  private def createKeyspace(): Unit = {
    execute(s"CREATE KEYSPACE IF NOT EXISTS $keyspace WITH replication = {'class': 'SingleRegionStrategy'}")
    waitUntil(isThere)
  }

  private def createTables(): Unit = {
    val columns = "(customer text, number int, state text, placed timestamp, PRIMARY KEY (customer, number))"
    for (table <- Seq("orders", "copies"))
      execute(s"CREATE TABLE $keyspace.$table $columns WITH custom_properties = {'ttl': {'status': 'enabled'}}")
    execute(s"CREATE TABLE $keyspace.archive (customer text PRIMARY KEY, data blob)")
    for (table <- Seq("orders", "copies", "archive")) waitUntil(status(table).contains("ACTIVE"))
  }

  private def write(): Unit = {
    val now = new java.sql.Timestamp(System.currentTimeMillis())
    val rows =
      for (customer <- 0 until 40; number <- 0 until 25)
        yield (s"customer $customer", number, if (number % 5 == 0) "paid" else "new", now)
    append(rows.toDF("customer", "number", "state", "placed"), "orders")
  }

  private def read(): Unit = {
    val rows = load("orders")
    expect(rows.columns.toSet == Set("customer", "number", "state", "placed"), rows.columns.mkString(", "))
    val (found, customers) = (count(rows), count(rows.select("customer").distinct()))
    expect(found == 1000 && customers == 40, s"$found rows of $customers customers")
  }

  private def filter(): Unit = {
    val paid = count(load("orders").filter("state = 'paid'"))
    val first = count(load("orders").filter(col("customer") === "customer 7" && col("number") < 3))
    expect(paid == 200 && first == 3, s"$paid paid, $first of one customer")
  }

  private def group(): Unit = {
    val top = load("orders").groupBy("state").count().filter("`count` > 100").orderBy(desc("count")).take(5)
    expect(top.toSeq.map(each => (each.getString(0), each.getLong(1))) == Seq(("new", 800), ("paid", 200)), top.toSeq)
  }

  private def exportRows(): Unit = {
    load("orders").write.mode("overwrite").parquet(exported)
    val found = count(spark.read.parquet(exported))
    expect(found == 1000, found)
  }

  private def importRows(): Unit = {
    val ordered = spark.read.parquet(exported)
    val shuffled = ordered.rdd.mapPartitions(rows => Random.shuffle(rows.toList).iterator)
    append(spark.createDataFrame(shuffled, ordered.schema), "copies")
    expect(load("copies").except(load("orders")).isEmpty && count(load("copies")) == 1000, "copies differ")
  }

  private def compress(): Unit = {
    val gzip = udf((rows: Seq[String]) => Client.compress(rows.mkString("[", ",", "]")))
    val rows = load("orders").withColumn("row", to_json(struct(col("number"), col("state"))))
    append(rows.groupBy("customer").agg(gzip(collect_list("row")).as("data")), "archive")
    val texts = load("archive").as[(String, Array[Byte])].collect().map { case (_, data) => Client.decompress(data) }
    expect(texts.length == 40 && texts.forall(_.contains("""{"number":24,"state":"new"}""")), texts.headOption)
  }

  private def timeToLive(): Unit = {
    append(load("orders").filter("customer = 'customer 1'"), "copies", "ttl" -> "3600")
    val seconds = load("copies").filter("customer = 'customer 1'").select(ttl("state")).as[Int].collect()
    expect(seconds.length == 25 && seconds.forall(each => each > 0 && each <= 3600), seconds.toSeq)
  }

  private def conditionalWrite(): Unit = {
    val rows = load("copies").withColumn("seconds", ttl("state")).filter("customer = 'customer 1'")
    val (to, copies) = (connector, s"$keyspace.copies")
    val applied = rows.rdd.mapPartitions(_.map(Client.prolong(copies, _, to))).collect()
    expect(applied.length == 25 && applied.forall(identity), applied.toSeq)
    val left = execute(s"SELECT TTL(state) FROM $copies WHERE customer = 'customer 1'").map(_.getInt(0))
    expect(left.forall(_ > 3600), left)
  }

  private def delete(): Unit = {
    load("orders").filter("state = 'paid'").select("customer", "number").rdd.deleteFromCassandra(keyspace, "orders")
    val found = count(load("orders"))
    expect(found == 800, found)
  }

  private def drop(): Unit = {
    for (table <- Seq("orders", "copies", "archive")) {
      execute(s"DROP TABLE $keyspace.$table")
      waitUntil(status(table).isEmpty)
    }
    execute(s"DROP KEYSPACE $keyspace")
    waitUntil(!isThere)
  }
}
