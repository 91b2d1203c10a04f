import TestSupport
import Testing

@testable import FrontDoor

@Suite("The access log", .timeLimit(.minutes(3)))
struct AccessLogTests {
    /// How many lines there are for many requests in a row.
    private func lines(for count: Int, _ choice: AccessLog.Choice) async throws -> Int {
        let log = CapturedLog()
        try await withServer({ $0.accessLog = choice }, logger: log.logger) { server in
            let client = try server.connect()
            for _ in 0..<count {
                try client.send(get("/missing"))
                try #expect(client.readResponse().status == 404)
            }
        }
        return log.lines.count { $0 == "info: request" }
    }

    @Test("a client that only makes errors gets some lines a second, and all of them if all are wanted")
    func budget() async throws {
        let count = 20 * AccessLog.errorsPerSecond
        let some = try await lines(for: count, .errors)
        #expect((AccessLog.errorsPerSecond..<count).contains(some))
        #expect(try await lines(for: 3 * AccessLog.errorsPerSecond, .all) == 3 * AccessLog.errorsPerSecond)
        #expect(try await lines(for: 3, .none) == 0)
    }
}
