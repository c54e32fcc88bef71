package shop;

import java.time.Duration;
import java.util.concurrent.Callable;

/** Runs a program's steps and prints each result. */
final class Steps {
  boolean failed = false;

  interface Work {
    void run() throws Exception;
  }

  void take(String name, Work work) {
    try {
      work.run();
      System.out.println(name + ": ok");
    } catch (Exception | AssertionError error) { // a failed step does not stop the next ones
      failed = true;
      error.printStackTrace();
      System.out.println(name + ": failed: " + String.valueOf(error.getMessage()).lines().findFirst().orElse(""));
    }
  }

  static void expect(boolean holds, Object found) {
    if (!holds) {
      throw new AssertionError("not as expected: " + found);
    }
  }

  static void await(Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
    while (!condition.call()) {
      expect(System.nanoTime() < deadline, "not done after 60 seconds");
      Thread.sleep(100);
    }
  }
}
