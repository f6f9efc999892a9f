import java.io.IOException;
import java.util.Base64;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.AbstractHandler;

/** Jetty on a port of 127.0.0.1. Each request that it understood is a line of JSON on stdout, and its answer. */
public class JettyEcho {
    static String quoted(String text) {
        if (text == null) return "null";
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) out.append(c < ' ' || c == '"' || c == '\\' || c > '~' ? String.format("\\u%04x", (int) c) : "" + c);
        return out.append('"').toString();
    }

    public static void main(String[] args) throws Exception {
        Server server = new Server();
        ServerConnector connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        connector.setPort(Integer.parseInt(args[0]));
        server.addConnector(connector);
        server.setHandler(new AbstractHandler() {
            @Override
            public void handle(String path, Request base, HttpServletRequest request, HttpServletResponse answer) throws IOException {
                base.setHandled(true);
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
        });
        server.start();
        server.join();
    }
}
