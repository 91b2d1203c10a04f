import TestSupport
import Testing

@Suite("The hello-swift producer", .onTestThreads)
struct HelloSwiftTests {
    @Test("says hello after each interval, and is finalized when the subscriber disconnects")
    func hello() throws {
        try withShippedPlugin("hello-swift") { server in
            let start = ContinuousClock.now
            // Long enough to disconnect before the next event, even if the machine stops for a moment.
            let subscriber = try server.subscribe("/sse?interval=2")
            #expect(try subscriber.nextData(3) == Array(repeating: #"{"hello":"world"}"#, count: 3))
            #expect(ContinuousClock.now - start >= .seconds(6))
            subscriber.client.close()
            try server.waitForLog(
                "stream closed", ["producer": "hello-swift", "reason": "disconnected", "events": "3"])
        }
    }

    @Test("rejects an interval that is invalid, too short or too long")
    func badIntervals() throws {
        try withShippedPlugin("hello-swift") { server in
            for interval in ["x", "0", "86400.1", "1e300"] {
                let response = try server.expectRefusal(400, of: "/sse?interval=\(interval)")
                #expect(response.body.contains("a number from 0.001 to 86400"), "\(interval): \(response.body)")
            }
        }
    }
}
