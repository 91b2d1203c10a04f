import TestSupport
import Testing

@Suite("The hello producer", .onTestThreads)
struct HelloProducerTests {
    @Test("says hello after each interval, and not earlier")
    func hello() throws {
        try withShippedPlugin("hello") { server in
            let start = ContinuousClock.now
            let subscriber = try server.subscribe("/hello?interval=0.2")
            let event = try subscriber.nextEvent()
            #expect(ContinuousClock.now - start >= .milliseconds(200))
            #expect(event.data == #"{"hello":"world"}"#)
            #expect(event.type == nil && event.id == nil && event.retry == nil)
            #expect(try subscriber.nextData(2) == [#"{"hello":"world"}"#, #"{"hello":"world"}"#])
            #expect(ContinuousClock.now - start >= .milliseconds(600))
        }
    }

    @Test("does so every second by default, and is closed when the subscriber disconnects")
    func closed() throws {
        try withShippedPlugin("hello") { server in
            let start = ContinuousClock.now
            let subscriber = try server.subscribe("/hello")
            _ = try subscriber.nextEvent()
            #expect(ContinuousClock.now - start >= .seconds(1))
            subscriber.client.close()
            try server.waitForLog("stream closed", ["producer": "hello", "reason": "disconnected", "events": "1"])
        }
    }

    @Test("rejects an invalid interval")
    func badIntervals() throws {
        try withShippedPlugin("hello") { server in
            for interval in ["0", "-1", "0.0009", "86400.5", "nan", "inf", "-inf", "1e300", "", "x", "1s"] {
                let response = try server.refusal(of: "/hello?interval=\(interval)")
                #expect(response.status == 400, "\(interval)")
                #expect(response.body.contains("interval"), "\(interval): \(response.body)")
            }
        }
    }
}
