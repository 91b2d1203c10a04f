import FoundationEssentials

/// A headless Chromium, driven with the W3C WebDriver protocol.
final class Chromium: BrowserSession {
    static let driver = "/usr/bin/chromedriver"
    static let executable = "/usr/bin/chromium"

    private let program: RunningProgram
    private let directory = TemporaryDirectory()
    private let port: Int
    private let session: String

    /// Starts the driver and the browser, without sandbox and shared memory, because containers often allow neither.
    init() throws {
        (program, port) = try Self.startDriver()
        let options = Options(
            binary: Self.executable,
            args: [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--user-data-dir=\(directory.path)/profile",
            ])
        let reply: Reply<Session> = try Self.ask(
            port, "POST", "/session", ["capabilities": ["alwaysMatch": ["goog:chromeOptions": options]]])
        session = reply.value.sessionId
    }

    /// The driver takes a free port of IPv6 and then needs the same one of IPv4, so it can fail on machines that use
    /// many ports.
    private static func startDriver() throws -> (RunningProgram, port: Int) {
        var program = try RunningProgram([driver, "--port=0"])
        for _ in 1...10 {
            let line = program.output.wait(.seconds(30)) { $0.contains("started successfully on port") }
            if let port = line?.split(whereSeparator: { !$0.isNumber }).last.flatMap({ Int($0) }) {
                return (program, port)
            }
            guard program.waitForExit(.seconds(1)) != nil else { break }
            program = try RunningProgram([driver, "--port=0"])
        }
        throw TestFailure("chromedriver does not start: \(program.output.lines)")
    }

    /// Ends the browser, and then the driver.
    func quit() {
        guard program.exitIfEnded == nil else { return }
        let _: Reply<String?>? = try? Self.ask(port, "DELETE", "/session/\(session)", [String: String]())
        program.signal(15)
        _ = program.waitForExit(.seconds(5))
    }

    deinit { quit() }

    func open(_ url: String) throws {
        let _: Reply<String?> = try Self.ask(port, "POST", "/session/\(session)/url", ["url": url])
    }

    func run<Value: Decodable>(_ script: String) throws -> Value {
        let reply: Reply<Value> = try Self.ask(
            port, "POST", "/session/\(session)/execute/async", Script(script: script, args: []))
        return reply.value
    }

    private struct Options: Encodable {
        let binary: String
        let args: [String]
    }
    private struct Script: Encodable {
        let script: String
        let args: [String]
    }
    private struct Session: Decodable {
        let sessionId: String
    }
    private struct Reply<Value: Decodable>: Decodable {
        let value: Value
    }

    private static func ask<Answer: Decodable>(
        _ port: Int, _ method: String, _ path: String, _ body: some Encodable
    ) throws -> Answer {
        let client = try RawClient(port: port)
        let content = try JSONEncoder().encode(body)
        try client.send(
            "\(method) \(path) HTTP/1.1\r\nHost: localhost:\(port)\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(content.count)\r\nConnection: close\r\n\r\n")
        try client.send(Array(content))
        let response = try client.readResponse(within: .seconds(60))
        guard response.status == 200 else { throw TestFailure("WebDriver: \(response.head)\(response.body)") }
        return try JSONDecoder().decode(Answer.self, from: Data(response.body.utf8))
    }
}
