package shop;

import com.datastax.oss.driver.api.core.DefaultConsistencyLevel;
import java.util.Collection;
import java.util.List;
import org.springframework.data.cassandra.repository.AllowFiltering;
import org.springframework.data.cassandra.repository.CassandraRepository;
import org.springframework.data.cassandra.repository.Consistency;
import org.springframework.data.cassandra.repository.Query;

interface Orders extends CassandraRepository<Order, Order.Key> {
  List<Order> findByKeyCustomer(String customer);

  List<Order> findByKeyCustomerAndKeyNumberLessThanEqual(String customer, int number);

  List<Order> findByKeyCustomerAndKeyNumberIn(String customer, Collection<Integer> numbers);

  @AllowFiltering
  List<Order> findByState(String state);

  @Consistency(DefaultConsistencyLevel.LOCAL_ONE)
  @Query("SELECT * FROM orders WHERE token(customer) >= ?0 AND token(customer) < ?1 LIMIT ?2")
  List<Order> findByTokens(long first, long end, int limit);
}
