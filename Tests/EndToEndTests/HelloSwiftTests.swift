import TestSupport
import Testing

@Suite("The hello-swift producer", .onTestThreads)
struct HelloSwiftTests {
    @Test("says hello after each interval, and is finalized when the subscriber leaves")
    func hello() throws {
        try withShippedPlugin("hello-swift") { server in
            let start = ContinuousClock.now
            let subscriber = try server.subscribe("/sse?interval=0.1")
            #expect(try subscriber.nextData(3) == Array(repeating: #"{"hello":"world"}"#, count: 3))
            #expect(ContinuousClock.now - start >= .milliseconds(300))
            subscriber.client.close()
            try server.waitForLog(
                "stream closed", ["producer": "hello-swift", "reason": "disconnected", "events": "3"])
        }
    }

    @Test("refuses an interval that is none, and one that is too short")
    func badIntervals() throws {
        try withShippedPlugin("hello-swift") { server in
            try server.expectRefusal(400, of: "/sse?interval=x")
            let response = try server.expectRefusal(400, of: "/sse?interval=0")
            #expect(response.body.contains("interval: expected a value from 0.001 to 86400.0, not '0.0'"))
        }
    }
}
