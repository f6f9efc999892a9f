import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.apache.catalina.startup.Tomcat;

/** Tomcat on a port of 127.0.0.1: MARKER below /private, files beside. */
public class GuardedTomcat {
    static class Told extends HttpServlet {
        private final String text;

        Told(String text) {
            this.text = text;
        }

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse answer) throws IOException {
            answer.setContentLength(text.length());
            answer.getOutputStream().print(text);
        }
    }

    public static void main(String[] args) throws Exception {
        Tomcat tomcat = LocalTomcat.at(args[0], args[1]);
        tomcat.getConnector().setEncodedSolidusHandling(args[2]);
        var context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "private", new Told("MARKER"));
        Tomcat.addServlet(context, "public", new Told("public"));
        context.addServletMappingDecoded("/private/*", "private");
        context.addServletMappingDecoded("/", "public");
        LocalTomcat.serve(tomcat);
    }
}
