package import CommandOutput
import Files
import Glibc
import SystemCalls

/// The folder that `sluice new` creates: a producer to start from, and the files that build it.
package struct NewFolder: Sendable {
    let name: ProducerName
    let language: PluginSources.Language
    /// The places of the header and the package, for building the producer without `sluice build`.
    let sluice: AuthoringFiles

    package init(name: ProducerName, language: PluginSources.Language, sluice: AuthoringFiles) {
        self.name = name
        self.language = language
        self.sluice = sluice
    }

    package struct File: Sendable {
        package let name: String
        let text: String
    }

    package var sourceName: String { "\(name.text).\(language.rawValue)" }

    package var files: [File] {
        let own =
            switch language {
            case .c: [File(name: sourceName, text: cSource), File(name: "Makefile", text: makefile)]
            case .swift: [File(name: sourceName, text: swiftSource), File(name: "Package.swift", text: manifest)]
            }
        return own + [
            File(name: "index.html", text: Self.page(title: name.text, route: "/\(name.text)")),
            File(name: "README.md", text: readme), File(name: ".gitignore", text: "*.so\n.build/\nPackage.resolved\n"),
        ]
    }

    /// Creates the folder.
    /// - Throws: if the name is taken, or if the folder can't be created. An incomplete folder is removed.
    package func write(to path: String) throws(CommandFailure) {
        guard mkdir(path, 0o755) == 0 else {
            throw errno == EEXIST
                ? CommandFailure("\(path) already exists, and nothing is overwritten; choose another name or --dir")
                : CommandFailure("\(path) can't be created: \(systemError())")
        }
        do throws(CommandFailure) {
            for file in files { try writeNewFile(file.text, to: "\(path)/\(file.name)") }
        } catch {
            removeTree(path)
            throw error
        }
    }

    // MARK: Texts

    private var swiftSource: String {
        """
        import Sluice

        struct \(name.typeName): Producer {
            static let name = "\(name.text)"  // served on /\(name.text)
            @Parameter(min: 0.001, max: 86_400) var interval = 1.0  // ?interval=0.5, in seconds

            func events(for request: Request) -> some AsyncSequence<MessageEvent, any Error> {
                ticks(every: .seconds(interval)).map { _ in try MessageEvent(json: ["hello": "world"]) }
            }

            func finalize(_ reason: CloseReason) {
                // Runs last for each stream, however it ended.
            }
        }

        @c(sluice_plugin_entry)
        public func entry(_ host: UnsafePointer<sluice_host>) -> UnsafePointer<sluice_plugin>? {
            export(\(name.typeName).self, to: host)
        }

        """
    }

    private var cSource: String {
        let c = name.identifier
        return """
            #include <sluice.h>
            #include <stdlib.h>

            static const sluice_host *host;

            struct \(c)_stream { /* the state of one stream; each subscriber has its own */
                int64_t interval_ms;
            };

            static int32_t \(c)_open(sluice_stream *stream, void **state, double interval)
            {
                struct \(c)_stream *self = malloc(sizeof *self);
                if (self == NULL) {
                    host->reject(stream, 503, "out of memory");
                    return SLUICE_OPEN_REJECT;
                }
                *self = (struct \(c)_stream){.interval_ms = (int64_t)(interval * 1000)};
                *state = self;
                return SLUICE_OPEN_OK;
            }

            static int32_t \(c)_next(void *state, sluice_event *event) /* called again after wait_ms */
            {
                struct \(c)_stream *self = state;
                event->wait_ms = self->interval_ms;
                event->data = "{\\"hello\\":\\"world\\"}";
                return SLUICE_NEXT_EVENT;
            }

            static int32_t \(c)_close(void *state, int32_t reason) /* exactly once for each open that answered OK */
            {
                (void)reason;
                free(state);
                return SLUICE_CLOSED;
            }

            static const sluice_producer \(c)_producer = { /* served on /\(name.text) */
                .struct_size = sizeof(sluice_producer),
                .flags = SLUICE_NONBLOCKING,
                .name = "\(name.text)",
                .description = "{\\"hello\\":\\"world\\"} every `interval` seconds",
                .parameters = "interval: f64 in 0.001...86400 = 1.0", /* seconds; other values are answered with 400 */
                .open = SLUICE_OPEN(\(c)_open),
                .next = \(c)_next,
                .close = \(c)_close,
            };

            SLUICE_PLUGIN(host, "\(name.text)", "0.1.0", "Says hello", &\(c)_producer)

            """
    }

    /// A page that subscribes to the producer.
    /// - Parameter route: must not contain characters that need escaping in HTML or JavaScript.
    static func page(title: String, route: String) -> String {
        """
        <!DOCTYPE html>
        <meta charset="utf-8">
        <title>\(title)</title>
        <h1>\(title)</h1>
        <p id="state">connecting</p>
        <pre id="build"></pre>
        <ol id="events" reversed></ol>
        <script>
          const byId = id => document.getElementById(id)
          const show = text => byId("events").prepend(Object.assign(document.createElement("li"), { textContent: text }))

          const source = new EventSource("\(route)")
          source.onmessage = event => show(event.data)
          source.onopen = () => byId("state").textContent = "listening"
          source.onerror = () => byId("state").textContent = "reconnecting"

          // Sent only by `sluice dev`: the result of building the saved source.
          source.addEventListener("sluice-build", event => {
            const build = JSON.parse(event.data)
            byId("build").textContent = build.file + (build.ok ? " is built\\n" : " is not built\\n") + build.text
          })
        </script>

        """
    }

    private var makefile: String {
        let command = CompilerWords(include: "$(SLUICE_INCLUDE)", choices: BuildChoices())
            .c(
                compiler: ["$(CC)"], files: ["$<"], versionScript: "", output: "$@", flags: ["$(CFLAGS)"],
                libraries: ["$(LDLIBS)"]
            )
            .filter { !$0.contains("--version-script") }
        return """
            SLUICE_INCLUDE ?= \(sluice.include)
            \(name.text).so: \(sourceName)
            \t\(command.joined(separator: " "))

            """
    }

    private var manifest: String {
        let place = sluice.package ?? "../sluice"
        let linker = ["-no-toolchain-stdlib-rpath"] + ["-z", "now", "-z", "nodelete"].flatMap { ["-Xlinker", $0] }
        return """
            // swift-tools-version: 6.2
            import PackageDescription

            /// Where the sources of Sluice are.
            let sluice = Context.environment["SLUICE_PACKAGE"] ?? \(EscapedText.quoted(place))

            let package = Package(
                name: "\(name.text)",
                products: [.library(name: "\(name.text)", type: .dynamic, targets: ["\(name.text)"])],
                dependencies: [.package(name: "sluice", path: sluice)],
                targets: [
                    .target(
                        name: "\(name.text)", dependencies: [.product(name: "Sluice", package: "sluice")], path: ".",
                        exclude: ["README.md", "index.html"], sources: ["\(sourceName)"],
                        linkerSettings: [.unsafeFlags([\(linker.map { "\"\($0)\"" }.joined(separator: ", "))])])
                ])

            """
    }

    private var readme: String {
        let other =
            switch language {
            case .c:
                "`make` builds it without the `sluice` command; `make SLUICE_INCLUDE=…` sets the directory of `sluice.h`."
            case .swift:
                "`swift build` builds it, too, as `.build/debug/lib\(name.text).so`; `SLUICE_PACKAGE` sets the "
                    + "directory of Sluice's sources."
            }
        let commands = [
            ("sluice run \(sourceName) interval=0.5", "print one stream"),
            ("sluice dev .", "serve it, and rebuild it when a file is saved"),
            ("sluice build \(sourceName)", "create \(name.text).so, for a server's plugin directory"),
        ]
        let width = commands.map(\.0.count).max() ?? 0
        let lines = commands.map { $0 + String(repeating: " ", count: width - $0.count) + "  # \($1)" }
        return """
            # \(name.text)

            A producer of server-sent events, served on `/\(name.text)`.

            ```sh
            \(lines.joined(separator: "\n"))
            ```

            \(other)

            """
    }
}
