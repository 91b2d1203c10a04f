import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("The system producer", .onTestThreads)
struct SystemProducerTests {
    private struct Report: Decodable {
        struct CPU: Decodable {
            let percent: Double?
            let cores: [Double?]
        }
        struct Memory: Decodable, Equatable {
            let total, available, swapTotal, swapFree: UInt64
        }
        struct Link: Decodable {
            let received, sent: Double
        }
        let cpu: CPU?
        let memory: Memory?
        let load: [Double]?
        let network: [String: Link?]?

        init(_ event: TestEvent) throws {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            self = try decoder.decode(Report.self, from: Data((event.data ?? "").utf8))
        }
    }

    /// A directory like /proc, whose files change between two reads.
    private struct Canned {
        let directory = TemporaryDirectory()

        init() throws {
            try #require(mkdir("\(directory.path)/net", 0o755) == 0)
        }

        func write(_ text: String, to name: String) {
            directory.write(text.utf8, to: "next")
            rename("\(directory.path)/next", "\(directory.path)/\(name)")
        }
    }

    @Test("reports this machine's state: rates from the second event on")
    func machine() throws {
        try withShippedPlugin("system") { server in
            let subscriber = try server.subscribe("/system?interval=0.1")
            let first = try Report(subscriber.nextEvent())
            #expect(first.cpu == nil)
            #expect(first.network == nil)
            let memory = try #require(first.memory)
            #expect(memory.total > 0 && memory.available <= memory.total && memory.swapFree <= memory.swapTotal)
            #expect(first.load?.count == 3)

            let second = try Report(subscriber.nextEvent())
            let cpu = try #require(second.cpu)
            #expect((0...100).contains(cpu.percent ?? 0))
            #expect(cpu.cores.count >= 1)
            #expect(cpu.cores.allSatisfy { (0...100).contains($0 ?? 0) })
            #expect(second.network?.keys.contains("lo") == true)
        }
    }

    @Test("computes percentages, bytes and rates")
    func figures() throws {
        let proc = try Canned()
        proc.write(
            "cpu  1000 50 200 5000 300 10 20 30 7 7\ncpu0 500 25 100 2500 150 5 10 15\ncpu2 1 1 1 1\n", to: "stat")
        proc.write(
            "MemTotal: 8000 kB\nMemFree: 1 kB\nMemAvailable:  6000 kB\nSwapTotal: 100 kB\nSwapFree: 50 kB\n",
            to: "meminfo")
        proc.write("0.05 12.30 110.99 3/200 4711\n", to: "loadavg")
        proc.write(
            "Inter-| head\n face |bytes\n  eth0: 1000 1 0 0 0 0 0 0 5000 1 0 0 0 0 0 0\n old0: 9 1 0 0 0 0 0 0 9 1\n",
            to: "net/dev")
        try withShippedPlugin("system", configuration: ["proc": proc.directory.path]) { server in
            let subscriber = try server.subscribe("/system?interval=0.1")
            let first = try Report(subscriber.nextEvent())
            #expect(first.load == [0.05, 12.3, 110.99])
            let memory = Report.Memory(total: 8_192_000, available: 6_144_000, swapTotal: 102_400, swapFree: 51_200)
            #expect(first.memory == memory)

            // The network first: the event that shows the CPU's change, or the one before it, then shows the network's,
            // too.
            proc.write(
                "  eth0:1001000 1 0 0 0 0 0 0 505000 1 0 0 0 0 0 0\n old0: 8 1 0 0 0 0 0 0 9 1\n new0: 5 1 0 0 0 0 0 0 5 1\n",
                to: "net/dev")
            proc.write(
                "cpu  1030 50 200 5060 310 10 20 30 7 7\ncpu0 500 25 100 2550 150 5 10 15\ncpu2 9 1 1 3\n", to: "stat")
            var changed = first
            var rates: [Report.Link] = []
            repeat {
                changed = try Report(subscriber.nextEvent())
                if let network = changed.network, let link = network["eth0"] as? Report.Link, link.received > 0 {
                    rates.append(link)
                    // A counter that went backwards belongs to another interface of the same name.
                    #expect(network.keys.sorted() == ["eth0", "new0", "old0"])
                    #expect(network["old0"]! == nil && network["new0"]! == nil)
                }
            } while changed.cpu?.percent == nil
            #expect(changed.cpu?.percent == 30)
            #expect(changed.cpu?.cores == [0, nil, 80])
            let rate = try #require(rates.first)
            // A million bytes within an interval of at least a tenth of a second; half as many were sent.
            #expect(rate.received > 0 && rate.received <= 10_000_000)
            #expect((1.99...2.01).contains(rate.received / rate.sent))
        }
    }

    @Test("reports null for values that it can't read, and continues when it can")
    func oddContent() throws {
        let proc = try Canned()
        proc.write("cpu\ncpu0 1\ncpu99999999999999999999 1 2 3 4\nintr 5\n", to: "stat")
        proc.write(String(repeating: "\u{FFFD}\n:::\n", count: 5000), to: "meminfo")
        proc.write("high\n", to: "loadavg")
        try withShippedPlugin("system", configuration: ["proc": proc.directory.path]) { server in
            let subscriber = try server.subscribe("/system?interval=0.1")
            #expect(try subscriber.nextEvent().data == #"{"cpu":null,"memory":null,"load":null,"network":null}"#)
            proc.write("1.00 2.00 3.00\n", to: "loadavg")
            proc.write("a\"\\b\u{7}\u{F6}: 1 2 3 4 5 6 7 8 9\n no numbers: x\n", to: "net/dev")
            var report: Report
            repeat { report = try Report(subscriber.nextEvent()) } while report.network == nil
            #expect(report.load == [1, 2, 3])
            #expect(report.network?.keys.sorted() == ["a??b???"])
        }
    }

    @Test("rejects an invalid interval, and a configured directory that does not exist")
    func refusals() throws {
        try withShippedPlugin("system", configuration: ["proc": "/proc/no-such-directory"]) { server in
            for interval in ["0", "0.09", "-1", "86401", "nan", "x"] {
                let response = try server.refusal(of: "/system?interval=\(interval)")
                #expect(response.status == 400, "\(interval)")
                #expect(response.body.contains("interval"), "\(interval): \(response.body)")
            }
            try server.expectRefusal(500, of: "/system")
            try server.waitForLog("the operator is told what is missing") {
                $0.message.contains("proc") && $0.level == "error"
            }
        }
    }
}
