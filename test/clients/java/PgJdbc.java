/* pgjdbc, launched from its source: java -cp /usr/share/java/postgresql.jar PgJdbc.java */

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Timer;
import java.util.TimerTask;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.PGResultSetMetaData;
import org.postgresql.PGStatement;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PGobject;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class PgJdbc {
  static final Map<String, String> ENV = System.getenv();
  static final boolean TLS = !ENV.get("PGSSLMODE").equals("disable");
  static final boolean GOVERNED = ENV.get("PGVEIL_ROLE").equals("governed");

  /** Rows that this run writes into products: no other run has them. */
  static final int OWN = 1_000_000 + (int) ProcessHandle.current().pid();

  static final String EMAILS_SQL = "SELECT email FROM customers ORDER BY id";
  static final String TEXT = "it's \"quoted\" \\ größe 日本 🙂 ?";

  /** Who sees whom and how: policies/crm.yaml. */
  static final List<String> EMAILS =
      Map.of(
              "crm_admin",
              List.of(
                  "ada.canary1@example.com",
                  "bob.canary2@example.com",
                  "cleo.canary3@example.org",
                  "dmitri.canary4@example.net",
                  "eve.canary5@example.com",
                  "finn.canary6@example.com"),
              "crm_support",
              List.of("a***@example.com", "b***@example.com", "c***@example.org", "d***@example.net", "f***@example.com"),
              "crm_marketing",
              List.of("a***@example.com", "c***@example.org"))
          .get(ENV.get("PGUSER"));

  interface Work {
    void run() throws Exception;
  }

  static class NotApplicable extends Exception {
    NotApplicable(String why) {
      super(why);
    }
  }

  static Connection db;

  static Connection open(String... more) throws SQLException {
    Properties settings = new Properties();
    settings.put("user", ENV.get("PGUSER"));
    settings.put("password", ENV.get("PGPASSWORD"));
    settings.put("sslmode", ENV.get("PGSSLMODE"));
    if (TLS) settings.put("sslrootcert", ENV.get("PGSSLROOTCERT"));
    settings.put("loginTimeout", "10");
    for (int at = 0; at < more.length; at += 2) settings.put(more[at], more[at + 1]);
    String url = "jdbc:postgresql://" + ENV.get("PGHOST") + ":" + ENV.get("PGPORT") + "/" + ENV.get("PGDATABASE");
    return DriverManager.getConnection(url, settings);
  }

  public static void main(String[] args) throws Exception {
    db = open();
    feature("connect", PgJdbc::connect);
    feature("tls", PgJdbc::tls);
    feature("channel-binding", () -> {
      throw new NotApplicable("pgjdbc 42.5 has no channel binding");
    });
    feature("parameters", PgJdbc::parameters);
    feature("prepared", PgJdbc::prepared);
    feature("binary", PgJdbc::binary);
    feature("cursors", PgJdbc::cursors);
    feature("copy", PgJdbc::copy);
    feature("errors", PgJdbc::errors);
    feature("transactions", PgJdbc::transactions);
    feature("cancel", PgJdbc::cancel);
    feature("listen", PgJdbc::listen);
    feature("masked", PgJdbc::masked);
    feature("disconnect", PgJdbc::disconnect);
  }

  static void connect() throws Exception {
    same(one("SELECT current_user::text"), ENV.get("PGUSER"));
    DatabaseMetaData about = db.getMetaData();
    same(about.getDatabaseMajorVersion(), Integer.parseInt(ENV.get("PGVEIL_SERVER_MAJOR")));
    // What tools ask on connecting.
    List<Object> columns = new ArrayList<>();
    try (ResultSet rows = about.getColumns(null, "public", "products", "%")) {
      while (rows.next()) columns.add(rows.getString("COLUMN_NAME"));
    }
    same(columns, List.of("id", "name", "price"));
    try (ResultSet keys = about.getPrimaryKeys(null, "public", "order_items")) {
      same(keys.next() && keys.next() && !keys.next(), true);
    }
    same(db.isValid(5), true);
  }

  static void tls() throws Exception {
    if (!TLS) throw new NotApplicable("sslmode=disable");
    // verify-full connects over verified TLS or not at all; that it does verify, the JRE's own authorities show.
    PSQLException error =
        raised(() -> open("sslfactory", "org.postgresql.ssl.DefaultJavaSSLFactory"), "08006");
    if (!error.getMessage().contains("PKIX")) throw new AssertionError("not the certificate: " + error.getMessage());
  }

  static void parameters() throws Exception {
    OffsetDateTime moment = OffsetDateTime.parse("2026-01-10T09:00:00.123456Z");
    byte[] bytes = new byte[256];
    for (int at = 0; at < 256; at++) bytes[at] = (byte) at;
    PGobject json = new PGobject();
    json.setType("jsonb");
    json.setValue("{\"a\": [1, \"ü\"]}");
    try (PreparedStatement all =
        db.prepareStatement("SELECT ?::int, ?::text, ?::text, ?::bool, ?::numeric, ?::timestamptz, ?::int[], ?, ?")) {
      all.setInt(1, 42);
      all.setString(2, TEXT);
      all.setNull(3, Types.VARCHAR);
      all.setBoolean(4, true);
      all.setBigDecimal(5, new BigDecimal("12345678901234567890.12"));
      all.setObject(6, moment);
      all.setArray(7, db.createArrayOf("int4", new Integer[] {1, null, 3}));
      all.setObject(8, json);
      all.setBytes(9, bytes);
      // The fifth execution and those after it use a named statement and binary results: the default prepareThreshold.
      for (int time = 1; time <= 7; time++) {
        try (ResultSet row = all.executeQuery()) {
          same(row.next(), true);
          same(row.getInt(1), 42);
          same(row.getString(2), TEXT);
          same(row.getString(3), null);
          same(row.getBoolean(4), true);
          same(row.getBigDecimal(5), new BigDecimal("12345678901234567890.12"));
          same(row.getObject(6, OffsetDateTime.class).toInstant(), moment.toInstant());
          Array array = row.getArray(7);
          same(Arrays.asList((Integer[]) array.getArray()), Arrays.asList(1, null, 3));
          same(row.getString(8), "{\"a\": [1, \"ü\"]}");
          same(Arrays.equals(row.getBytes(9), bytes), true);
        }
      }
    }
    try (Connection simple = open("preferQueryMode", "simple");
        PreparedStatement named = simple.prepareStatement("SELECT name FROM products WHERE id = ? AND price > ?")) {
      named.setInt(1, 1);
      named.setBigDecimal(2, BigDecimal.TEN);
      same(column(named), List.of("Teapot"));
    }
  }

  static void prepared() throws Exception {
    try (PreparedStatement named = db.prepareStatement("SELECT id, name FROM products WHERE id = ?")) {
      named.unwrap(PGStatement.class).setPrepareThreshold(1);
      for (int wanted = 1; wanted <= 3; wanted++) {
        named.setInt(1, wanted);
        same(column(named), List.of(wanted));
      }
      same(named.unwrap(PGStatement.class).isUseServerPrepare(), true);
      same(named.getParameterMetaData().getParameterTypeName(1), "int4");
      same(named.getMetaData().getColumnName(2), "name");
    }
  }

  static void binary() throws Exception {
    // -1: binary transfer from the first execution on.
    try (Connection binary = open("prepareThreshold", "-1");
        PreparedStatement named =
            binary.prepareStatement("SELECT products.id, price::float8, placed_at, '{1,2}'::int[] FROM products, orders WHERE products.id = ? LIMIT 1")) {
      named.setInt(1, 1);
      try (ResultSet row = named.executeQuery()) {
        same(row.next(), true);
        PGResultSetMetaData about = row.getMetaData().unwrap(PGResultSetMetaData.class);
        for (int at = 1; at <= 4; at++) same(about.getFormat(at), 1);
        same(row.getInt(1), 1);
        same(row.getDouble(2), 29.9);
      }
    }
  }

  static void cursors() throws Exception {
    db.setAutoCommit(false);
    try (Statement walk = db.createStatement()) {
      // Execute with a row limit, portal suspended, again.
      walk.setFetchSize(2);
      List<Object> found = new ArrayList<>();
      try (ResultSet rows = walk.executeQuery(EMAILS_SQL)) {
        while (rows.next()) {
          found.add(rows.getString(1));
          // Another statement while the portal is suspended.
          same(one("SELECT 1"), 1);
        }
      }
      same(found, EMAILS);
      walk.setFetchSize(10);
      int sum = 0;
      try (ResultSet rows = walk.executeQuery("SELECT generate_series(1, 95)")) {
        while (rows.next()) sum += rows.getInt(1);
      }
      same(sum, 4560);
    } finally {
      db.rollback();
      db.setAutoCommit(true);
    }
    try (Statement scroll = db.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_READ_ONLY);
        ResultSet rows = scroll.executeQuery(EMAILS_SQL)) {
      same(rows.last(), true);
      same(rows.getRow(), EMAILS.size());
    }
    // pgjdbc looks up the primary key for it and writes an UPDATE by itself.
    try (Statement writer = db.createStatement(ResultSet.TYPE_SCROLL_SENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
      db.setAutoCommit(false);
      try (ResultSet rows = writer.executeQuery("SELECT id, name FROM products WHERE id = 1")) {
        same(rows.next(), true);
        rows.updateString("name", "Teapot");
        rows.updateRow();
      }
    } finally {
      db.rollback();
      db.setAutoCommit(true);
    }
  }

  static void copy() throws Exception {
    CopyManager copies = db.unwrap(PGConnection.class).getCopyAPI();
    String rows = OWN + "\tLäuf\\ter\\n\\\\\t1.50\n" + (OWN + 1) + "\tTopf\t2.00\n";
    db.setAutoCommit(false);
    try {
      same(copies.copyIn("COPY products FROM STDIN", new ByteArrayInputStream(rows.getBytes(StandardCharsets.UTF_8))), 2L);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      same(copies.copyOut("COPY (SELECT * FROM products WHERE id >= " + OWN + " ORDER BY id) TO STDOUT", out), 2L);
      same(out.toString(StandardCharsets.UTF_8), rows);
    } finally {
      db.rollback();
      db.setAutoCommit(true);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    copies.copyOut("COPY customers (email) TO STDOUT", out);
    List<String> found = new ArrayList<>(List.of(out.toString(StandardCharsets.UTF_8).split("\n")));
    Collections.sort(found);
    same(found, EMAILS);
    // CopyFail.
    CopyIn given = copies.copyIn("COPY products FROM STDIN");
    given.cancelCopy();
    same(one("SELECT 1"), 1);
  }

  static void errors() throws Exception {
    ServerErrorMessage said = raised(() -> run("INSERT INTO products VALUES (1, 'Again', 1)"), "23505").getServerErrorMessage();
    same(said.getConstraint(), "products_pkey");
    said = raised(() -> run("SELECT 1 FORM products"), "42601").getServerErrorMessage();
    same(said.getPosition(), 15);
    same(one("SELECT 1"), 1);
  }

  static void transactions() throws Exception {
    String add = "INSERT INTO products VALUES (" + OWN + ", 'Own', 1)";
    String own = "SELECT count(*)::int FROM products WHERE id = " + OWN;
    db.setAutoCommit(false);
    try {
      run(add);
      db.rollback();
      same(one(own), 0);
      run(add);
      Savepoint before = db.setSavepoint();
      raised(() -> run(add), "23505");
      db.rollback(before);
      db.commit();
      same(one(own), 1);
      run("DELETE FROM products WHERE id = " + OWN);
      db.commit();
      raised(() -> run("SELECT 1/0"), "22012");
      raised(() -> run("SELECT 1"), "25P02");
      db.rollback();
      // One Parse, many Bind and Execute before one Sync.
      try (PreparedStatement batch = db.prepareStatement("INSERT INTO products VALUES (?, 'Batch', 1)")) {
        for (int at = 0; at < 20; at++) {
          batch.setInt(1, OWN + at);
          batch.addBatch();
        }
        same(batch.executeBatch().length, 20);
      }
      db.rollback();
    } finally {
      db.rollback();
      db.setAutoCommit(true);
    }
    // A savepoint before each statement, as the driver sets it.
    try (Connection careful = open("autosave", "always")) {
      careful.setAutoCommit(false);
      try (Statement statement = careful.createStatement()) {
        statement.execute("SELECT 1");
        raised(() -> statement.execute("SELECT 1/0"), "22012");
        same(statement.execute("SELECT 1"), true);
      }
      careful.rollback();
    }
  }

  static void cancel() throws Exception {
    try (Statement slow = db.createStatement()) {
      long started = System.nanoTime();
      Timer timer = new Timer(true);
      timer.schedule(
          new TimerTask() {
            public void run() {
              try {
                slow.cancel();
              } catch (SQLException error) {
                throw new IllegalStateException(error);
              }
            }
          },
          400);
      raised(() -> slow.execute("SELECT pg_sleep(30)"), "57014");
      slow.setQueryTimeout(1);
      raised(() -> slow.execute("SELECT pg_sleep(30)"), "57014");
      if (System.nanoTime() - started > 5_000_000_000L) throw new AssertionError("it took more than 5 s");
      timer.cancel();
    }
    same(one("SELECT 1"), 1);
  }

  static void listen() throws Exception {
    if (GOVERNED) {
      raised(() -> run("LISTEN own_channel"), "42501");
      same(one("SELECT 1"), 1);
      return;
    }
    run("LISTEN own_channel");
    try (Connection other = open();
        Statement notify = other.createStatement()) {
      notify.execute("NOTIFY own_channel, 'häl lo'");
    }
    PGNotification[] heard = db.unwrap(PGConnection.class).getNotifications(5000);
    same(heard.length, 1);
    same(heard[0].getName() + " " + heard[0].getParameter(), "own_channel häl lo");
    run("UNLISTEN *");
  }

  static void masked() throws Exception {
    try (PreparedStatement all = db.prepareStatement(EMAILS_SQL)) {
      same(column(all), EMAILS);
    }
    try (PreparedStatement note = db.prepareStatement("SELECT notes FROM customers WHERE id = ?")) {
      note.setInt(1, 1);
      same(column(note).get(0).toString().contains("canary"), !GOVERNED);
    }
  }

  static void disconnect() throws Exception {
    db.close();
    same(db.isClosed(), true);
    raised(() -> run("SELECT 1"), "08003");
    try (Connection again = open()) {
      same(again.isValid(5), true);
    }
  }

  static void run(String sql) throws SQLException {
    try (Statement statement = db.createStatement()) {
      statement.execute(sql);
    }
  }

  static Object one(String sql) throws SQLException {
    try (PreparedStatement statement = db.prepareStatement(sql)) {
      return column(statement).get(0);
    }
  }

  static List<Object> column(PreparedStatement statement) throws SQLException {
    List<Object> found = new ArrayList<>();
    try (ResultSet rows = statement.executeQuery()) {
      while (rows.next()) found.add(rows.getObject(1));
    }
    return found;
  }

  static void same(Object found, Object expected) {
    if (!Objects.equals(found, expected)) throw new AssertionError("'" + found + "' instead of '" + expected + "'");
  }

  static PSQLException raised(Work work, String sqlstate) throws Exception {
    try {
      work.run();
    } catch (PSQLException error) {
      same(error.getSQLState(), sqlstate);
      return error;
    }
    throw new AssertionError("no error " + sqlstate);
  }

  static void feature(String name, Work work) {
    String line = "\"ok\"";
    try {
      work.run();
    } catch (NotApplicable reason) {
      line = "\"n/a\",\"why\":" + json(reason.getMessage());
    } catch (Throwable error) {
      int at = Arrays.stream(error.getStackTrace())
          .filter(frame -> frame.getMethodName().equals(name))
          .mapToInt(StackTraceElement::getLineNumber).findFirst().orElse(0);
      line = "\"fail\",\"why\":" + json(error + " (line " + at + ")");
    }
    byte[] bytes = ("{\"feature\":\"" + name + "\",\"result\":" + line + "}\n").getBytes(StandardCharsets.UTF_8);
    System.out.write(bytes, 0, bytes.length);
    System.out.flush();
  }

  static String json(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char one : text.toCharArray()) {
      if (one == '"' || one == '\\') out.append('\\').append(one);
      else out.append(one < ' ' ? ' ' : one);
    }
    return out.append('"').toString();
  }
}
