// Prints a user's events, each as JSON on a line of its own; after a break it goes on where it was.
// SAMBAND_ENDPOINT and SAMBAND_TOKEN say where and as whom. Starts as it stands: java Listen.java

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.io.*;
import java.net.URI;
import java.net.http.*;
import java.util.concurrent.*;

public class Listen {
    public static void main(String[] arguments) throws InterruptedException {
        var out = new PrintStream(System.out, true, UTF_8);
        var client = HttpClient.newHttpClient();
        var reader = Executors.newCachedThreadPool();
        var events = URI.create(System.getenv("SAMBAND_ENDPOINT") + "/_samband/v1/events");
        var position = "";
        for (;; Thread.sleep(1000)) {
            var request = HttpRequest.newBuilder(events).header("Authorization", "Bearer " + System.getenv("SAMBAND_TOKEN"));
            if (!position.isEmpty()) request.header("Last-Event-ID", position);
            try {
                var response = client.sendAsync(request.build(), HttpResponse.BodyHandlers.ofInputStream()).get(30, SECONDS);
                int status = response.statusCode();
                try (var body = response.body()) {
                    if (status == 410) position = ""; // Away for too long: list the messages anew here.
                    else if (status / 100 == 4) {
                        System.err.println(new String(body.readAllBytes(), UTF_8));
                        System.exit(1);
                    }
                    if (status != 200) continue;
                    var lines = new BufferedReader(new InputStreamReader(body, UTF_8));
                    String line, id = "", data = "";
                    // The server says something every 15 s: longer silence is a dead connection.
                    while ((line = reader.submit(() -> lines.readLine()).get(30, SECONDS)) != null) {
                        if (line.startsWith("id: ")) id = line.substring(4);
                        if (line.startsWith("data: ")) data = line.substring(6);
                        if (!line.isEmpty()) continue;
                        // An empty line ends the event. One that a break cuts short is sent again.
                        if (!data.isEmpty()) out.println(data);
                        if (!id.isEmpty()) position = id;
                        id = data = "";
                    }
                }
            } catch (IOException | ExecutionException | TimeoutException broken) {
                System.err.println(broken);
            }
        }
    }
}
