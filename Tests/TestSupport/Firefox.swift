import FoundationEssentials
import Glibc
import Synchronization

/// A headless Firefox, driven with Marionette, its own protocol: each message is JSON after its length.
final class Firefox: BrowserSession {
    static let executable = "/usr/bin/firefox-esr"

    private let program: RunningProgram
    private let directory = TemporaryDirectory()
    private let connection: Mutex<Connection>

    private struct Connection: Sendable {
        nonisolated(unsafe) let client: RawClient
        var number = 0
    }

    init() throws {
        let profile = "\(directory.path)/profile"
        mkdir(profile, 0o700)
        let settings = """
            user_pref("marionette.port", 0);
            user_pref("browser.shell.checkDefaultBrowser", false);
            user_pref("datareporting.policy.dataSubmissionEnabled", false);
            user_pref("app.update.auto", false);
            user_pref("network.captive-portal-service.enabled", false);
            user_pref("network.connectivity-service.enabled", false);

            """
        guard let file = fopen("\(profile)/user.js", "w") else { throw TestFailure("no profile for Firefox") }
        fputs(settings, file)
        fclose(file)
        // It writes its address to its standard error.
        program = try RunningProgram(
            [
                "sh", "-c", "exec \"$0\" --headless --no-remote --marionette --profile \"$1\" 2>&1", Self.executable,
                profile,
            ],
            environment: ["HOME": directory.path])
        let line = program.output.wait(.seconds(60)) { $0.contains("Listening on port") }
        guard let port = line?.split(whereSeparator: { !$0.isNumber }).last.flatMap({ Int($0) }) else {
            throw TestFailure("Firefox does not start: \(program.output.lines)")
        }
        let client = try RawClient(port: port)
        connection = Mutex(Connection(client: client))
        _ = try Self.message(from: client)
        let _: Ignored = try ask("WebDriver:NewSession", [String: String]())
        let _: Ignored = try ask("WebDriver:SetTimeouts", ["script": 60_000])
    }

    deinit { quit() }

    func quit() {
        guard program.exitIfEnded == nil else { return }
        program.signal(SIGTERM)
        if program.waitForExit(.seconds(10)) == nil { program.signal(SIGKILL) }
    }

    func open(_ url: String) throws {
        let _: Ignored = try ask("WebDriver:Navigate", ["url": url])
    }

    func run<Value: Decodable>(_ script: String) throws -> Value {
        let reply: Reply<Value> = try ask("WebDriver:ExecuteAsyncScript", Script(script: script))
        return reply.value
    }

    private struct Script: Encodable {
        let script: String
        let args: [String] = []
    }
    private struct Reply<Value: Decodable>: Decodable {
        let value: Value
    }
    private struct Ignored: Decodable {}

    /// [0, number, name, parameters]
    private struct Command<Parameters: Encodable>: Encodable {
        let number: Int
        let name: String
        let parameters: Parameters

        func encode(to encoder: any Encoder) throws {
            var list = encoder.unkeyedContainer()
            try list.encode(0)
            try list.encode(number)
            try list.encode(name)
            try list.encode(parameters)
        }
    }

    /// [1, number, error or null, result]
    private struct Answer<Result: Decodable>: Decodable {
        let result: Result

        private struct Failure: Decodable {
            let error: String
            let message: String
        }

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            _ = try list.decode(Int.self)
            _ = try list.decode(Int.self)
            if let failure = try list.decodeIfPresent(Failure.self) {
                throw TestFailure("Firefox: \(failure.error): \(failure.message)")
            }
            result = try list.decode(Result.self)
        }
    }

    private func ask<Result: Decodable>(_ name: String, _ parameters: some Encodable) throws -> Result {
        let bytes = try connection.withLock { connection in
            connection.number += 1
            let content = try JSONEncoder().encode(
                Command(number: connection.number, name: name, parameters: parameters))
            try connection.client.send("\(content.count):")
            try connection.client.send(Array(content))
            return try Self.message(from: connection.client)
        }
        return try JSONDecoder().decode(Answer<Result>.self, from: Data(bytes)).result
    }

    private static func message(from client: RawClient) throws -> [UInt8] {
        let length = Int(try client.read(through: ":", within: .seconds(70)).dropLast()) ?? 0
        return try client.read(count: length, within: .seconds(70))
    }
}
