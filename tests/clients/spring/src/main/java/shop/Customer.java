package shop;

import org.springframework.data.annotation.Id;
import org.springframework.data.cassandra.core.mapping.Table;
import org.springframework.data.cassandra.core.mapping.UserDefinedType;

@Table("customers")
record Customer(@Id String name, Address home) {
  @UserDefinedType("address")
  record Address(String street, String city) {}
}
