package shop;

import java.time.Instant;
import org.springframework.data.cassandra.core.cql.PrimaryKeyType;
import org.springframework.data.cassandra.core.mapping.PrimaryKey;
import org.springframework.data.cassandra.core.mapping.PrimaryKeyClass;
import org.springframework.data.cassandra.core.mapping.PrimaryKeyColumn;
import org.springframework.data.cassandra.core.mapping.Table;

@Table("orders")
record Order(@PrimaryKey Key key, String state, Instant placed) {
  @PrimaryKeyClass
  record Key(
      @PrimaryKeyColumn(type = PrimaryKeyType.PARTITIONED) String customer,
      @PrimaryKeyColumn(type = PrimaryKeyType.CLUSTERED) int number) {}

  static Order of(String customer, int number, String state) {
    return new Order(new Key(customer, number), state, Instant.now());
  }
}
