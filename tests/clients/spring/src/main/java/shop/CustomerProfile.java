package shop;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.springframework.data.annotation.Id;
import org.springframework.data.cassandra.core.mapping.Table;
import org.springframework.data.cassandra.core.mapping.UserDefinedType;

@Table("profiles")
record CustomerProfile(@Id String name, Contact contact, ByteBuffer photo) {
  @UserDefinedType("contact")
  record Contact(Customer.Address home, List<String> emails, Map<String, Integer> stars) {}
}
