// Runs the operations of AWS's samples with the Go driver. Usage: client SIGN_IN KEYSPACE, with SIGN_IN sigv4 or password.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sigv4-auth-cassandra-gocql-driver-plugin/sigv4"
	"github.com/gocql/gocql"
)

var (
	signIn, keyspace = os.Args[1], os.Args[2]
	region           = os.Getenv("AWS_REGION")
	orders           = keyspace + ".orders"
	profiles         = keyspace + ".profiles"
	session          *gocql.Session
)

func connect() (*gocql.Session, error) {
	port, err := strconv.Atoi(os.Getenv("KEYSPACES_PORT"))
	if err != nil {
		return nil, err
	}
	cluster := gocql.NewCluster(os.Getenv("KEYSPACES_HOST"))
	cluster.Port = port
	cluster.Consistency = gocql.LocalQuorum
	cluster.SerialConsistency = gocql.LocalSerial
	cluster.ConnectTimeout = time.Minute
	cluster.Timeout = time.Minute
	cluster.PoolConfig.HostSelectionPolicy = gocql.DCAwareRoundRobinPolicy(region)
	cluster.SslOpts = &gocql.SslOptions{CaPath: os.Getenv("KEYSPACES_CA_FILE"), EnableHostVerification: true}
	if signIn == "sigv4" {
		cluster.Authenticator = sigv4.NewAwsAuthenticator()
	} else {
		cluster.Authenticator = gocql.PasswordAuthenticator{
			Username: os.Getenv("KEYSPACES_USER_NAME"), Password: os.Getenv("KEYSPACES_PASSWORD"),
		}
	}
	return cluster.CreateSession()
}

func run(query string, values ...any) error {
	return session.Query(query, values...).Exec()
}

// count returns the number of rows, of all pages.
func count(query string, values ...any) (int, error) {
	rows, err := session.Query(query, values...).Iter().SliceMap()
	return len(rows), err
}

func wait(condition func() (bool, error)) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if done, err := condition(); done || err != nil {
			return err
		}
	}
	return errors.New("not done after 60 seconds")
}

// status returns that of a table or a type, or "" if it is not there.
func status(kind, name string) (string, error) {
	column := map[string]string{"tables": "table_name", "types": "type_name"}[kind]
	query := "SELECT status FROM system_schema_mcs." + kind + " WHERE keyspace_name = ? AND " + column + " = ?"
	var found string
	err := session.Query(query, keyspace, name).Scan(&found)
	if errors.Is(err, gocql.ErrNotFound) {
		return "", nil
	}
	return found, err
}

func waitForStatus(kind, name, wanted string) error {
	return wait(func() (bool, error) {
		found, err := status(kind, name)
		return found == wanted, err
	})
}

func waitForKeyspace(wanted int) error {
	return wait(func() (bool, error) {
		found, err := count("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?", keyspace)
		return found == wanted, err
	})
}

func expect(holds bool, what ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf("not as expected: %v", what)
}

func systemTables() error {
	var dataCenter string
	if err := session.Query("SELECT data_center FROM system.local").Scan(&dataCenter); err != nil {
		return err
	}
	for _, table := range []string{"system.peers", "system_schema.keyspaces", "system_schema.tables"} {
		found, err := count("SELECT * FROM " + table)
		if err != nil || found == 0 {
			return errors.Join(err, expect(found > 0, table, "is empty"))
		}
	}
	_, err := count("SELECT * FROM system_schema_mcs.tables")
	return errors.Join(err, expect(dataCenter == region, dataCenter))
}

func createKeyspace() error {
	err := run("CREATE KEYSPACE IF NOT EXISTS " + keyspace +
		" WITH replication = {'class': 'SingleRegionStrategy'} AND TAGS = {'team': 'shop'}")
	if err != nil {
		return err
	}
	return waitForKeyspace(1)
}

func createTable() error {
	err := run("CREATE TABLE IF NOT EXISTS " + orders + ` (customer text, number int, state text, placed timestamp,
		PRIMARY KEY (customer, number)) WITH CLUSTERING ORDER BY (number DESC) AND custom_properties = {
		'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST'},
		'point_in_time_recovery': {'status': 'enabled'},
		'encryption_specification': {'encryption_type': 'AWS_OWNED_KMS_KEY'},
		'ttl': {'status': 'enabled'}}`)
	if err != nil {
		return err
	}
	return waitForStatus("tables", "orders", "ACTIVE")
}

func customProperties() error {
	var found map[string]map[string]string
	query := "SELECT custom_properties FROM system_schema_mcs.tables WHERE keyspace_name = ? AND table_name = 'orders'"
	if err := session.Query(query, keyspace).Scan(&found); err != nil {
		return err
	}
	return expect(found["capacity_mode"]["throughput_mode"] == "PAY_PER_REQUEST" &&
		found["point_in_time_recovery"]["status"] == "enabled", found)
}

func preparedWrite() error {
	insert := "INSERT INTO " + orders + " (customer, number, state, placed) VALUES (?, ?, ?, toTimestamp(now()))"
	for number := range 25 {
		if err := run(insert, "ada", number, "new"); err != nil {
			return err
		}
	}
	return nil
}

func preparedRead() error {
	rows := session.Query("SELECT number, state, placed FROM "+orders+" WHERE customer = ? AND number <= ?", "ada", 2).Iter()
	var found []string
	var number int
	var state string
	var placed time.Time
	for rows.Scan(&number, &state, &placed) {
		found = append(found, fmt.Sprintf("%d %s %t", number, state, !placed.IsZero()))
	}
	return errors.Join(rows.Close(), expect(fmt.Sprint(found) == "[2 new true 1 new true 0 new true]", found))
}

func pages() error {
	var state []byte
	found, pages := 0, 0
	for {
		page := session.Query("SELECT * FROM " + orders).PageSize(10).PageState(state).Iter()
		found, pages, state = found+page.NumRows(), pages+1, page.PageState()
		if err := page.Close(); err != nil {
			return err
		}
		if len(state) == 0 {
			return expect(found == 25 && pages >= 3, found, pages)
		}
	}
}

func tokenRange() error {
	query := "SELECT customer FROM " + orders + " WHERE token(customer) >= ? AND token(customer) < ? LIMIT ?"
	rows, err := session.Query(query, int64(math.MinInt64), int64(math.MaxInt64), 3).Consistency(gocql.LocalOne).Iter().SliceMap()
	return errors.Join(err, expect(len(rows) == 3, len(rows)))
}

func filters() error {
	number := "SELECT number FROM " + orders
	some, err := count(number+" WHERE customer = ? AND number IN (?, ?)", "ada", 2, 7)
	if err := errors.Join(err, expect(some == 2, some)); err != nil {
		return err
	}
	for state, wanted := range map[string]int{"new": 25, "paid": 0} {
		found, err := count(number+" WHERE state = ? ALLOW FILTERING", state)
		if err := errors.Join(err, expect(found == wanted, state, found)); err != nil {
			return err
		}
	}
	return nil
}

func unloggedBatch() error {
	batch := session.NewBatch(gocql.UnloggedBatch)
	for number := range 30 {
		batch.Query("INSERT INTO "+orders+" (customer, number, state) VALUES (?, ?, ?)", "bob", number, "new")
	}
	if err := session.ExecuteBatch(batch); err != nil {
		return err
	}
	found, err := count("SELECT number FROM " + orders + " WHERE customer = 'bob'")
	return errors.Join(err, expect(found == 30, found))
}

type address struct {
	Street string `cql:"street"`
	City   string `cql:"city"`
}

func userDefinedType() error {
	customers, home := keyspace+".customers", address{"1 Main St", "London"}
	var found address
	err := inOrder(
		func() error { return run("CREATE TYPE " + keyspace + ".address (street text, city text)") },
		func() error { return waitForStatus("types", "address", "ACTIVE") },
		func() error {
			return run("CREATE TABLE " + customers + " (name text PRIMARY KEY, home frozen<address>)")
		},
		func() error { return waitForStatus("tables", "customers", "ACTIVE") },
		func() error { return run("INSERT INTO "+customers+" (name, home) VALUES (?, ?)", "ada", home) },
		func() error {
			return session.Query("SELECT home FROM " + customers + " WHERE name = 'ada'").Scan(&found)
		},
	)
	return errors.Join(err, expect(found == home, found))
}

type contact struct {
	Home   address        `cql:"home"`
	Emails []string       `cql:"emails"`
	Stars  map[string]int `cql:"stars"`
}

func nestedTypes() error {
	written := contact{address{"1 Main St", "London"}, []string{"ada@example.com"}, map[string]int{"shop": 5}}
	var found contact
	err := inOrder(
		func() error {
			return run("CREATE TYPE " + keyspace +
				".contact (home frozen<address>, emails list<text>, stars map<text, int>)")
		},
		func() error { return waitForStatus("types", "contact", "ACTIVE") },
		func() error {
			return run("CREATE TABLE " + profiles + " (name text PRIMARY KEY, contact frozen<contact>, photo blob)" +
				" WITH default_time_to_live = 3600")
		},
		func() error { return waitForStatus("tables", "profiles", "ACTIVE") },
		func() error { return run("INSERT INTO "+profiles+" (name, contact) VALUES (?, ?)", "ada", written) },
		func() error {
			return session.Query("SELECT contact.home, contact.emails, contact.stars FROM "+profiles).
				Scan(&found.Home, &found.Emails, &found.Stars)
		},
	)
	return errors.Join(err, expect(reflect.DeepEqual(found, written), found))
}

func blob() error {
	var found, photo []byte
	for each := range 256 {
		photo = append(photo, byte(each))
	}
	if err := run("UPDATE "+profiles+" SET photo = ? WHERE name = ?", photo, "ada"); err != nil {
		return err
	}
	err := session.Query("SELECT photo FROM " + profiles + " WHERE name = 'ada'").Scan(&found)
	return errors.Join(err, expect(bytes.Equal(found, photo), found))
}

func defaultTTL() error {
	var whole, left int
	query := "SELECT default_time_to_live FROM system_schema_mcs.tables" +
		" WHERE keyspace_name = ? AND table_name = 'profiles'"
	err := errors.Join(
		session.Query(query, keyspace).Scan(&whole),
		session.Query("SELECT TTL(photo) FROM "+profiles+" WHERE name = 'ada'").Scan(&left),
	)
	return errors.Join(err, expect(whole == 3600 && left > 0 && left <= whole, whole, left))
}

func ttl() error {
	insert := "INSERT INTO " + orders + " (customer, number, state) VALUES (?, ?, ?) USING TTL ?"
	if err := run(insert, "eve", 1, "new", 3600); err != nil {
		return err
	}
	var seconds int
	err := session.Query("SELECT TTL(state) FROM " + orders + " WHERE customer = 'eve'").Scan(&seconds)
	return errors.Join(err, expect(seconds > 0 && seconds <= 3600, seconds))
}

func conditionalWrite() error {
	insert := "INSERT INTO " + orders + " (customer, number, state) VALUES (?, ?, ?) IF NOT EXISTS"
	update := "UPDATE " + orders + " USING TTL ? SET state = ? WHERE customer = ? AND number = ? IF state = ?"
	for _, wanted := range []bool{true, false} {
		applied, err := session.Query(insert, "joe", 1, "new").MapScanCAS(map[string]any{})
		if err := errors.Join(err, expect(applied == wanted, insert)); err != nil {
			return err
		}
	}
	for _, wanted := range []bool{true, false} {
		applied, err := session.Query(update, 3600, "paid", "joe", 1, "new").MapScanCAS(map[string]any{})
		if err := errors.Join(err, expect(applied == wanted, update)); err != nil {
			return err
		}
	}
	return nil
}

func alter() error {
	return inOrder(
		func() error { return run("ALTER TABLE " + orders + " ADD note text") },
		func() error { return waitForStatus("tables", "orders", "ACTIVE") },
		func() error {
			return run("UPDATE " + orders + " SET note = 'gift' WHERE customer = 'ada' AND number = 1")
		},
	)
}

func deleteRow() error {
	if err := run("DELETE FROM "+orders+" WHERE customer = ? AND number = ?", "ada", 1); err != nil {
		return err
	}
	found, err := count("SELECT number FROM " + orders + " WHERE customer = 'ada' AND number = 1")
	return errors.Join(err, expect(found == 0, found))
}

func drop() error {
	for _, name := range []string{"orders", "customers", "profiles"} {
		if err := run("DROP TABLE IF EXISTS " + keyspace + "." + name); err != nil {
			return err
		}
		if err := waitForStatus("tables", name, ""); err != nil {
			return err
		}
	}
	return inOrder(
		func() error { return run("DROP TYPE " + keyspace + ".contact") },
		func() error { return waitForStatus("types", "contact", "") },
		func() error { return run("DROP TYPE " + keyspace + ".address") },
		func() error { return waitForStatus("types", "address", "") },
		func() error { return run("DROP KEYSPACE " + keyspace) },
		func() error { return waitForKeyspace(0) },
	)
}

// inOrder stops at the first error.
func inOrder(works ...func() error) error {
	for _, work := range works {
		if err := work(); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	var err error
	if session, err = connect(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer session.Close()
	steps := []struct {
		name string
		work func() error
	}{
		{"system tables", systemTables},
		{"keyspace", createKeyspace},
		{"table", createTable},
		{"custom properties", customProperties},
		{"prepared write", preparedWrite},
		{"prepared read", preparedRead},
		{"pages", pages},
		{"token range", tokenRange},
		{"filters", filters},
		{"unlogged batch", unloggedBatch},
		{"user-defined type", userDefinedType},
		{"nested types", nestedTypes},
		{"blob", blob},
		{"default TTL", defaultTTL},
		{"TTL", ttl},
		{"conditional write", conditionalWrite},
		{"alter", alter},
		{"delete", deleteRow},
		{"drop", drop},
	}
	failed := false
	for _, step := range steps {
		if err := step.work(); err != nil {
			failed = true
			fmt.Printf("%s: failed: %s\n", step.name, strings.ReplaceAll(err.Error(), "\n", "; "))
		} else {
			fmt.Printf("%s: ok\n", step.name)
		}
	}
	if failed {
		os.Exit(1)
	}
}
