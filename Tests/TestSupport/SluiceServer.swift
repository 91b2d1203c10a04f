import Glibc

/// A running `sluice serve` with its own plugin directory, ledger and gate.
package final class SluiceServer: Sendable {
    package let program: RunningProgram
    package let ledger: Ledger
    /// The port that it listens on.
    package let port: Int
    /// Contains `plugins/`, and other files of the test.
    package let directory: TemporaryDirectory
    private let gate: Int32

    package var pluginDirectory: String { "\(directory.path)/plugins" }
    package var url: String { "http://127.0.0.1:\(port)" }

    /// Starts the server, and waits until it reports its address.
    /// - Parameters:
    ///   - plugins: names of fixtures; a path (with a slash) is a shared object.
    ///   - flags: further arguments.
    ///   - prefix: a program that runs the server, with its arguments.
    ///   - listen: the address; the system chooses the port.
    package init(
        _ plugins: [String], flags: [String] = [], environment: [String: String] = [:], prefix: [String] = [],
        listen: String = "127.0.0.1"
    ) throws {
        directory = TemporaryDirectory()
        ledger = try Ledger(in: directory)
        let gatePath = "\(directory.path)/gate"
        guard mkfifo(gatePath, 0o600) == 0 else { throw TestFailure("mkfifo \(gatePath)") }
        gate = open(gatePath, O_RDWR | O_CLOEXEC)
        let pluginDirectory = "\(directory.path)/plugins"
        mkdir(pluginDirectory, 0o755)
        chmod(pluginDirectory, 0o755)
        for plugin in plugins { try Self.install(plugin, in: pluginDirectory) }

        let arguments =
            prefix + [
                BuiltProducts.sluice, "serve", pluginDirectory, "--listen", "\(listen):0", "--log-format", "json",
            ]
        // The control socket is in the test's directory, also for programs that connect to it.
        let variables = [
            "SLUICE_TEST_LEDGER": ledger.path, "SLUICE_TEST_GATE": gatePath, "XDG_RUNTIME_DIR": directory.path,
        ]
        program = try RunningProgram(arguments + flags, environment: variables.merging(environment) { $1 })
        guard let line = program.output.wait(.seconds(20), until: { $0.contains("http://") }),
            let port = Self.port(in: line)
        else {
            throw TestFailure(
                "the server does not listen: "
                    + (program.output.lines + program.errors.lines.map(\.description)).joined(separator: "\n"))
        }
        self.port = port
    }

    deinit { close(gate) }

    // MARK: Plugins

    /// Copies a plugin into the directory as an operator should: completely first, and then renamed.
    package func install(_ plugin: String, as name: String? = nil, appending bytes: [UInt8] = []) throws {
        try Self.install(plugin, in: pluginDirectory, as: name, appending: bytes)
    }

    package func uninstall(_ name: String) {
        unlink("\(pluginDirectory)/\(name).so")
    }

    private static func install(
        _ plugin: String, in directory: String, as name: String? = nil, appending bytes: [UInt8] = []
    ) throws {
        let path = plugin.contains("/") ? plugin : try fixturePlugin(plugin)
        guard let content = readFile(path) else { throw TestFailure("\(path) can't be read") }
        let file = name ?? String(path.split(separator: "/").last!.dropLast(3))
        let partial = "\(directory)/.\(file).partial"
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o755)
        let all = content + bytes
        guard descriptor >= 0, write(descriptor, all, all.count) == all.count else {
            throw TestFailure("\(partial) can't be written")
        }
        close(descriptor)
        chmod(partial, 0o755)
        guard rename(partial, "\(directory)/\(file).so") == 0 else { throw TestFailure("rename \(partial)") }
    }

    /// Lets this many streams pass the fixtures' gate.
    package func openGate(times: Int = 1) {
        let tokens = [UInt8](repeating: UInt8(ascii: "g"), count: times)
        _ = write(gate, tokens, times)
    }

    /// Sends SIGHUP, and waits until the reload is finished.
    package func reload() throws {
        let start = logLines.count
        signal(SIGHUP)
        try waitForLog("end of the reload", from: start) { $0.message == "reloaded" }
    }

    // MARK: Log

    package var logLines: [LogLine] { program.errors.lines }

    /// Waits for a line of the log with this message and these members.
    /// - Parameter start: the first line to look at.
    @discardableResult
    package func waitForLog(
        _ message: String, _ members: [String: String] = [:], from start: Int = 0, within limit: Duration = .seconds(10)
    ) throws -> LogLine {
        try waitForLog("“\(message)” \(members)", from: start, within: limit) { $0.matches(message, members) }
    }

    @discardableResult
    package func waitForLog(
        _ what: String, from start: Int = 0, within limit: Duration = .seconds(10), where isWanted: (LogLine) -> Bool
    ) throws -> LogLine {
        guard let line = program.errors.wait(limit, from: start, until: isWanted) else {
            throw TestFailure("the log has no \(what)")
        }
        return line
    }

    // MARK: Subscribers

    /// Connects and sends a request for a stream.
    package func subscribe(
        _ target: String, headers: [(String, String)] = [], receiveBufferBytes: Int? = nil, segmentBytes: Int? = nil
    ) throws -> TestSubscriber {
        let client = try RawClient(port: port, receiveBufferBytes: receiveBufferBytes, segmentBytes: segmentBytes)
        return try TestSubscriber(asking: target, headers: headers, on: client)
    }

    /// A connection that has not sent anything yet.
    package func connect() throws -> RawClient {
        try RawClient(port: port)
    }

    // MARK: The end

    package func signal(_ number: Int32) { program.signal(number) }

    /// Waits until the server has ended, and all of its output has been read.
    package func waitForExit(_ limit: Duration = .seconds(15)) throws -> RunningProgram.Exit {
        guard let exit = program.waitForExit(limit) else { throw TestFailure("the server did not end in \(limit)") }
        _ = program.errors.waitForEnd(.seconds(10))
        try ledger.settle()
        return exit
    }

    private static func port(in line: String) -> Int? {
        guard let start = line.range(ofText: "http://") else { return nil }
        let address = line[start...].prefix { !$0.isWhitespace && $0 != "/" }
        return address.split(separator: ":").last.flatMap { Int($0) }
    }
}

extension String {
    /// The index after the first occurrence of a text.
    fileprivate func range(ofText text: String) -> Index? {
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(text) { return rest.index(rest.startIndex, offsetBy: text.count) }
            rest = rest.dropFirst()
        }
        return nil
    }
}

/// Runs a server during `body`, stops it with SIGTERM, and checks that it ended correctly: with status 0, and a ledger
/// without violations.
///
/// A `body` that ends the server itself must check the status; the ledger is checked in any case.
/// - Parameter leavesStreams: a call never returned, so its stream could not be closed.
package func withServer(
    _ plugins: [String], flags: [String] = [], environment: [String: String] = [:], prefix: [String] = [],
    listen: String = "127.0.0.1", leavesStreams: Bool = false, _ body: (SluiceServer) throws -> Void
) throws {
    let server = try SluiceServer(plugins, flags: flags, environment: environment, prefix: prefix, listen: listen)
    do {
        try body(server)
        if server.program.exitIfEnded == nil {
            server.signal(SIGTERM)
            let exit = try server.waitForExit()
            guard exit == .status(0) else { throw TestFailure("the server ended with \(exit)") }
        }
        try server.ledger.settle()
        let violations = server.ledger.entries.violations(allowsOpen: leavesStreams)
        guard violations.isEmpty else { throw TestFailure(violations.prefix(20).joined(separator: "\n")) }
    } catch {
        server.signal(SIGKILL)
        _ = server.program.waitForExit(.seconds(5))
        let (before, last) = (server.logLines.dropLast(40), server.logLines.suffix(40))
        let serious = before.filter { ["warning", "error"].contains($0.level) }.suffix(20)
        let log = (serious + last).map(\.description).joined(separator: "\n")
        throw TestFailure("\(error)\n— the server's log ends with, behind its last warnings and errors:\n\(log)")
    }
}
