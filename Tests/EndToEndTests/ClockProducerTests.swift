import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("The clock producer", .onTestThreads)
struct ClockProducerTests {
    private struct Time: Decodable {
        let time: String
        let epoch: Int

        enum CodingKeys: String, CodingKey {
            case time
            case epoch = "epoch_ms"
        }

        init(_ event: TestEvent) throws {
            self = try JSONDecoder().decode(Time.self, from: Data((event.data ?? "").utf8))
        }
    }

    private var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    @Test("sends the full intervals of the wall clock, each once, when they have passed", arguments: [50, 70, 250])
    func aligned(interval: Int) throws {
        try withShippedPlugin("clock") { server in
            let start = now
            let subscriber = try server.subscribe("/clock?interval=\(Double(interval) / 1000)")
            var last = start - start % interval
            for _ in 0..<5 {
                let event = try Time(subscriber.nextEvent())
                #expect(event.epoch % interval == 0)
                #expect(event.epoch > last)
                #expect(event.epoch <= now)
                #expect(event.time == text(event.epoch))
                last = event.epoch
            }
        }
    }

    /// The same time, formatted by another implementation.
    private func text(_ epoch: Int) -> String {
        let seconds = Date(timeIntervalSince1970: Double(epoch / 1000)).formatted(.iso8601)
        let milliseconds = String(1000 + epoch % 1000).dropFirst()
        return "\(seconds.dropLast()).\(milliseconds)Z"
    }

    @Test("rejects an invalid interval")
    func badIntervals() throws {
        try withShippedPlugin("clock") { server in
            for interval in ["0", "-1", "0.009", "86401", "nan", "inf", "-inf", "1e300", "x"] {
                let response = try server.refusal(of: "/clock?interval=\(interval)")
                #expect(response.status == 400, "\(interval)")
                #expect(response.body.contains("interval"), "\(interval): \(response.body)")
            }
        }
    }

    @Test("two generations of it, both Swift, run side by side after a reload")
    func generations() throws {
        try withShippedPlugin("clock") { server in
            let old = try server.subscribe("/clock?interval=0.05")
            _ = try old.nextEvent()
            try server.install(BuiltProducts.plugin("clock"), as: "libclock", appending: [0])
            server.signal(SIGHUP)
            try server.waitForLog("plugin loaded", ["plugin": "clock", "generation": "2"])
            let new = try server.subscribe("/clock?interval=0.05")
            for subscriber in [old, new, old, new] {
                #expect(try Time(subscriber.nextEvent()).epoch % 50 == 0)
            }
        }
    }
}
