import Glibc
import TestSupport
import Testing

/// Shared by the tests of `sluice new`, `build`, `run` and `dev`: a folder to work in, and the command as an author
/// runs it there.
final class Workshop: Sendable {
    let directory = TemporaryDirectory()

    init() { chmod(directory.path, 0o755) }

    func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    /// Kept beside the products, so that not every test compiles the Swift library.
    static let cache = BuiltProducts.cache

    /// A command line that runs the command in the folder.
    func words(_ arguments: [String], environment: [String: String] = [:], sluice: String = BuiltProducts.sluice)
        -> [String]
    {
        let variables = ["XDG_CACHE_HOME": Self.cache].merging(environment) { $1 }
        return ["env", "-C", directory.path] + variables.map { "\($0.key)=\($0.value)" } + [sluice] + arguments
    }

    func sluice(
        _ arguments: String..., environment: [String: String] = [:], sluice: String = BuiltProducts.sluice
    ) throws -> ChildProgram {
        try ChildProgram.run(words(arguments, environment: environment, sluice: sluice))
    }

    func run(_ arguments: String...) throws -> ChildProgram {
        try ChildProgram.run(["env", "-C", directory.path] + arguments)
    }

    /// All names in the folder, including hidden ones.
    func names() throws -> [String] {
        try run("ls", "-A").output.split(separator: "\n").map(String.init)
    }

    /// The symbols that a file exports; nm(1) shows their kinds in upper case.
    func exports(of file: String) throws -> [String] {
        try run("nm", "-D", "--defined-only", file).output.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.count == 3 && words[1] == words[1].uppercased() ? String(words[2]) : nil
        }
    }

    func write(_ text: String, to name: String) { directory.write(text.utf8, to: name) }

    /// A C compiler that never finishes.
    final class SlowCompiler: Sendable {
        let path: String
        private let started: NamedPipe<pid_t>

        init(in workshop: Workshop) throws {
            path = workshop.path("slow")
            started = try NamedPipe(workshop.path("mark")) { pid_t($0) }
            try workshop.directory.write(
                program: "#!/bin/sh\necho $$ > \(started.path)\nsleep 600\n".utf8, to: "slow")
        }

        /// Waits until it has been started this many times.
        /// - Returns: the process ID.
        func waitForStart(_ count: Int = 1) throws -> pid_t {
            guard let pid = started.reader.wait(.seconds(30), from: count - 1, until: { _ in true }) else {
                throw TestFailure("the compiler was not started")
            }
            return pid
        }
    }

    /// A C producer that sends a text repeatedly.
    static func c(saying text: String, name: String = "talker", everyMilliseconds: Int = 20) -> String {
        """
        #include <sluice.h>
        static const sluice_host *host;
        static int32_t talk_open(sluice_stream *stream, void **state)
        {
            (void)stream, (void)state;
            return SLUICE_OPEN_OK;
        }
        static int32_t talk_next(void *state, sluice_event *event)
        {
            (void)state;
            event->wait_ms = \(everyMilliseconds);
            event->data = "\(text)";
            return SLUICE_NEXT_EVENT;
        }
        static int32_t talk_close(void *state, int32_t reason)
        {
            (void)state, (void)reason;
            return SLUICE_CLOSED;
        }
        static const sluice_producer talker = {
            .struct_size = sizeof(sluice_producer), .flags = SLUICE_NONBLOCKING, .name = "\(name)",
            .open = SLUICE_OPEN(talk_open), .next = talk_next, .close = talk_close,
        };
        SLUICE_PLUGIN(host, "\(name)", "1.0", "Talks", &talker)

        """
    }

    /// The same in Swift.
    static func swift(saying text: String, type: String = "Talker") -> String {
        """
        import Sluice

        struct \(type): Producer {
            func events(for request: Request) -> some AsyncSequence<MessageEvent, any Error> {
                ticks(every: .milliseconds(20)).map { _ in MessageEvent("\(text)") }
            }
        }

        @c(sluice_plugin_entry)
        public func entry(_ host: UnsafePointer<sluice_host>) -> UnsafePointer<sluice_plugin>? {
            export(\(type).self, to: host)
        }

        """
    }
}
