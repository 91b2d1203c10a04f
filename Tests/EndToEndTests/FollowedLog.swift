import Glibc
import SystemCalls
import TestSupport
import Testing

/// A directory of logs below a root, and one log in it, changed as loggers and rotators do.
final class FollowedLog {
    private let directory = TemporaryDirectory()
    private var descriptor: Int32 = -1

    /// The directory that the operator configures.
    var root: String { "\(directory.path)/root" }
    /// Above the root.
    var outside: String { directory.path }
    var folder: String { "\(root)/app" }
    var path: String { "\(folder)/a.log" }
    /// The log's path in a request.
    let target = "/tail?path=app/a.log"

    init(_ content: String = "") throws {
        for name in [root, folder] { try #require(mkdir(name, 0o755) == 0) }
        create()
        write(content)
    }

    deinit { close(descriptor) }

    /// Writes to the file that was created last, whatever its name is now.
    func write(_ text: String) { write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { fatalError("write: \(systemError())") }
            rest = rest.dropFirst(count)
        }
    }

    /// Creates an empty file with the log's name (or another), and writes to it from now on.
    func create(_ name: String = "a.log") {
        if descriptor >= 0 { close(descriptor) }
        descriptor = open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o644)
    }

    func move(_ name: String = "a.log", to other: String) {
        rename("\(folder)/\(name)", "\(folder)/\(other)")
    }

    func delete(_ name: String = "a.log") { unlink("\(folder)/\(name)") }

    func truncate() { ftruncate(descriptor, 0) }
}

/// Runs a server whose tail producer can read below the log's root. Its streams do not linger, so a stream without
/// subscribers is opened anew for the next one.
func withTail(
    of log: FollowedLog, flags: [String] = ["--linger", "0", "--loops", "1"], _ body: (SluiceServer) throws -> Void
) throws {
    try withShippedPlugin("tail", configuration: ["root": log.root], flags: flags, body)
}

extension SluiceServer {
    /// Subscribes to the log as the first subscriber, and waits until the log is followed.
    func follow(_ log: FollowedLog, _ more: String = "", returningWith id: String? = nil) throws -> TestSubscriber {
        let subscriber = try subscribe(log.target + more, headers: id.map { [("Last-Event-ID", $0)] } ?? [])
        guard id == nil else {
            // A subscriber with an id gets no start position, and its file is open when it gets an answer.
            _ = try subscriber.head()
            return subscriber
        }
        var frame = TestEvent(frame: "")
        while frame.id == nil || frame.type == "sluice-open" { frame = TestEvent(frame: try subscriber.nextFrame()) }
        guard frame.data == nil else { throw TestFailure("the stream begins with \(frame), not with its place") }
        return subscriber
    }

    /// Closes the connection of a log's only subscriber, and waits until its stream is closed.
    func leave(_ subscriber: TestSubscriber) throws {
        let start = logLines.count
        subscriber.client.reset()
        try waitForLog("stream closed", ["producer": "tail", "reason": "disconnected"], from: start)
        // The log line comes first. The single loop has removed the stream when it answers the next request.
        guard try refusal(of: "/tail?path=nothing").status == 404 else { throw TestFailure("there is a log “nothing”") }
    }

    /// Waits until the server watches a file with inotify: it has then noticed that the file exists.
    func waitForWatch(of path: String) throws {
        let status = try #require(FileStatus(path, followsLinks: false))
        let mark = "ino:\(String(status.inode, radix: 16)) "
        // The kernel shows a process's watches only on request.
        let isWatched = blockingEventually {
            (0..<256).contains { descriptor in
                let text = readFile("/proc/\(program.pid)/fdinfo/\(descriptor)") ?? []
                return String(decoding: text, as: UTF8.self).contains(mark)
            }
        }
        if !isWatched { throw TestFailure("the server does not watch \(path)") }
    }
}
