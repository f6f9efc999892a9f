import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Base64;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.startup.Tomcat;

/** Tomcat on a port of 127.0.0.1. Each request that it understood is a line of JSON on stdout, and its answer. */
public class TomcatEcho {
    static String quoted(String text) {
        if (text == null) return "null";
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) out.append(c < ' ' || c == '"' || c == '\\' || c > '~' ? String.format("\\u%04x", (int) c) : "" + c);
        return out.append('"').toString();
    }

    static class Echo extends HttpServlet {
        @Override
        protected void service(HttpServletRequest request, HttpServletResponse answer) throws IOException {
            String target = request.getRequestURI() + (request.getQueryString() == null ? "" : "?" + request.getQueryString());
            String line = "{\"method\":" + quoted(request.getMethod()) + ",\"target\":" + quoted(target)
                + ",\"host\":" + quoted(request.getHeader("host")) + ",\"case\":" + quoted(request.getHeader("x-case"))
                + ",\"credential\":" + (request.getHeader("authorization") != null);
            if (!target.startsWith("/ignore")) {
                byte[] body = request.getInputStream().readAllBytes();
                line += ",\"body\":\"" + Base64.getEncoder().encodeToString(body) + "\"";
            }
            line += "}";
            System.out.println(line);
            byte[] bytes = line.getBytes();
            answer.setContentLength(bytes.length);
            answer.getOutputStream().write(bytes);
        }
    }

    public static void main(String[] args) throws Exception {
        Logger.getLogger("").setLevel(Level.OFF);
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(Files.createTempDirectory(new File(args[1]).toPath(), "tomcat").toString());
        tomcat.setHostname("127.0.0.1");
        tomcat.setPort(Integer.parseInt(args[0]));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setProperty("maxKeepAliveRequests", "-1");
        var context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "echo", new Echo());
        context.addServletMappingDecoded("/", "echo");
        tomcat.start();
        tomcat.getServer().await();
    }
}
