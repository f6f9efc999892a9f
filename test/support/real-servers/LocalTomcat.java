import java.io.File;
import java.nio.file.Files;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.startup.Tomcat;

/** Tomcat on a port of 127.0.0.1, with its files below a folder. */
final class LocalTomcat {
    static Tomcat at(String port, String folder) throws Exception {
        Logger.getLogger("").setLevel(Level.OFF);
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(Files.createTempDirectory(new File(folder).toPath(), "tomcat").toString());
        tomcat.setHostname("127.0.0.1");
        tomcat.setPort(Integer.parseInt(port));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setProperty("maxKeepAliveRequests", "-1");
        return tomcat;
    }

    static void serve(Tomcat tomcat) throws Exception {
        tomcat.start();
        tomcat.getServer().await();
    }
}
