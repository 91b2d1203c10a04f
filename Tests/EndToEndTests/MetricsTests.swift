import Glibc
import TestSupport
import Testing

@Suite("The metrics of a running server", .onTestThreads)
struct MetricsTests {
    private func labels(_ name: String, _ more: String = "") -> String {
        "plugin=\"\(name)\",producer=\"\(name)\"" + (more.isEmpty ? "" : ",\(more)")
    }

    @Test("streams with one subscriber: opened, closed by reason, events, deliveries and bytes are exactly right")
    func exclusive() throws {
        let plugins = ["EndsAfterCount", "FailsAfterCount", "WaitsForEver"]
        try withServer(plugins, flags: SluiceServer.withAdmin) { server in
            let before = try server.metrics()
            #expect(before.faults.isEmpty)
            for _ in 0..<3 {
                #expect(try server.subscribe("/ends-after-count?count=5").rest().count { $0.data != nil } == 5)
            }
            let failed = try server.subscribe("/fails-after-count?count=2").rest()
            #expect(failed.last?.type == "stream-error")
            let open = try (0..<4).map { _ in try server.subscribe("/waits-for-ever") }
            for subscriber in open { _ = try subscriber.nextEvent() }
            open[0].client.close()
            let metrics = try server.waitForMetrics("one that left") {
                $0["streams_closed_total", labels("waits-for-ever", "reason=\"disconnected\"")] == 1
                    && $0["streams_open", labels("waits-for-ever", "generation=\"1\"")] == 3
                    && $0["subscribers", "plugin=\"waits-for-ever\",generation=\"1\",transport=\"descriptor\""] == 3
            }
            #expect(metrics.faults.isEmpty && metrics.fallen(since: before).isEmpty)
            let (ended, dry, waiting) = ("ends-after-count", "fails-after-count", "waits-for-ever")
            #expect(metrics["streams_opened_total", labels(ended)] == 3)
            #expect(metrics["streams_closed_total", labels(ended, "reason=\"completed\"")] == 3)
            #expect(metrics["events_total", labels(ended)] == 15 && metrics["deliveries_total", labels(ended)] == 15)
            #expect(metrics["delivered_bytes_total", labels(ended)] == Double(15 * "data: 1\n\n".utf8.count))
            #expect(metrics["streams_closed_total", labels(dry, "reason=\"failed\"")] == 1)
            #expect(metrics["events_total", labels(dry)] == 2)
            #expect(metrics["streams_opened_total", labels(waiting)] == 4)
            #expect(metrics["streams_closed_total", labels(waiting, "reason=\"completed\"")] == 0)
            #expect(
                metrics["subscribers", "plugin=\"\(waiting)\",generation=\"1\",transport=\"descriptor\""] == 3)
            #expect(metrics["next_duration_seconds_count", labels(ended)] > 0)
            #expect(
                metrics["next_duration_seconds_count", labels(ended)]
                    == metrics["next_duration_seconds_bucket", labels(ended, "le=\"+Inf\"")])
        }
    }

    @Test("shared streams: each delivery, resumes by outcome, history, slow subscribers, finished ones")
    func shared() throws {
        let flags = SluiceServer.withAdmin + ["--history-events", "10", "--linger", "forever"]
        try withServer(["SharedNumbers"], flags: flags) { server in
            // It begins when all are there, and ends after 50.
            let target = "/shared-numbers?tag=a&every=1&count=50&held=true"
            let readers = try (0..<20).map { _ in try server.subscribe(target) }
            for reader in readers { _ = try reader.head() }
            _ = try server.waitForMetrics("all readers") {
                $0["resumes_total", labels("shared-numbers", "outcome=\"fresh\"")] == 20
            }
            server.openGate()
            let events = try readers.map { try $0.rest() }
            #expect(events.allSatisfy { $0.count == 50 })
            let name = "shared-numbers"
            let metrics = try server.waitForMetrics("the end") {
                $0["subscribers_left_total", labels(name, "reason=\"completed\"")] == 20
            }
            #expect(metrics["events_total", labels(name)] == 50 && metrics["deliveries_total", labels(name)] == 1000)
            #expect(metrics["delivery_duration_seconds_count", labels(name)] == 1000)
            let ended = try #require(readers[0].endMark?.id)
            let finished = try server.subscribe(target, headers: [("Last-Event-ID", ended)])
            #expect(try finished.head().status == 204)

            let endless = "/shared-numbers?tag=b&every=1"
            let first = try server.subscribe(endless)
            let seen = try (0..<30).map { _ in try first.nextEvent() }
            let late = try server.subscribe(endless, headers: [("Last-Event-ID", seen[0].id ?? "")])
            #expect(try late.nextEvent().type == "sluice-gap")
            let after = try server.metrics()
            #expect(after["resumes_total", labels(name, "outcome=\"fresh\"")] == 21)
            #expect(after["resumes_total", labels(name, "outcome=\"gap\"")] == 1)
            #expect(after["resumes_total", labels(name, "outcome=\"finished\"")] == 1)
            #expect(after["hubs", labels(name)] == 1 && after["history_events", labels(name)] == 10)
            #expect(after["history_bytes", labels(name)] > 0)
            #expect(after.fallen(since: metrics).isEmpty && after.faults.isEmpty)
        }
    }

    @Test("a subscriber that does not read is overtaken by the history, and counted as slow")
    func slow() throws {
        let flags = SluiceServer.withAdmin + ["--history-events", "16"]
        try withServer(["SharedNumbers"], flags: flags) { server in
            let target = "/shared-numbers?tag=a&every=4&bytes=60000"
            let reader = try server.subscribe(target)
            _ = try reader.nextEvent()
            let slow = try server.subscribe(target, receiveBufferBytes: 4096, segmentBytes: 1000)
            _ = try slow.head()
            let overtaken = labels("shared-numbers", "kind=\"overtaken\"")
            var metrics = try server.metrics()
            for _ in 0..<3000 where metrics["slow_subscribers_total", overtaken] == 0 {
                for _ in 0..<20 { _ = try reader.nextEvent() }
                metrics = try server.metrics()
            }
            // On a busy machine, the reader can be slow as well.
            let count = metrics["slow_subscribers_total", overtaken]
            #expect((1...2).contains(count))
            #expect(metrics["subscribers_left_total", labels("shared-numbers", "reason=\"slow\"")] == count)
        }
    }

    @Test("no counter falls when a generation goes, or a plugin; reloads, refusals and generations are counted")
    func reloads() throws {
        let flags = SluiceServer.withAdmin + ["--drain-deadline", "0"]
        try withServer(["EndsAfterCount", "WaitsForEver"], flags: flags) { server in
            #expect(try server.subscribe("/ends-after-count?count=7").rest().count { $0.data != nil } == 7)
            let held = try server.subscribe("/waits-for-ever")
            _ = try held.nextEvent()
            let before = try server.metrics()
            #expect(before["generations", "plugin=\"waits-for-ever\",state=\"serving\""] == 1)
            try server.install("EndsAfterCount", appending: [0])
            try server.install("CrashesInConstructor")
            server.uninstall("WaitsForEver")
            try server.reload()
            #expect(try server.subscribe("/ends-after-count?count=2").rest().count { $0.data != nil } == 2)
            let metrics = try server.waitForMetrics("the end of the old generations") {
                $0["generations", "plugin=\"waits-for-ever\",state=\"draining\""] == 0
                    && $0["streams_closed_total", labels("waits-for-ever", "reason=\"removed\"")] == 1
                    && $0["events_total", labels("ends-after-count")] == 9
            }
            #expect(metrics.fallen(since: before).isEmpty, "\(metrics.fallen(since: before))")
            #expect(metrics["streams_opened_total", labels("ends-after-count")] == 2)
            #expect(metrics["deliveries_total", labels("waits-for-ever")] == 1)
            #expect(
                metrics["reloads_total", "outcome=\"refused\""] == 1 && metrics["reloads_total", "outcome=\"ok\""] == 0)
            #expect(metrics["plugins_refused_total", "kind=\"probe\""] == 1)
            server.uninstall("CrashesInConstructor")
            try server.reload()
            rename(server.pluginDirectory, server.pluginDirectory + "-away")
            server.signal(SIGHUP)
            try server.waitForLog("no plugin reloaded")
            rename(server.pluginDirectory + "-away", server.pluginDirectory)
            let last = try server.waitForMetrics("a failed reload") { $0["reloads_total", "outcome=\"failed\""] == 1 }
            #expect(last["reloads_total", "outcome=\"ok\""] == 1 && last.fallen(since: metrics).isEmpty)
        }
    }

    @Test("refused and turned away by the limit's name; the process; the build")
    func limits() throws {
        let flags = SluiceServer.withAdmin + ["--max-streams", "2"]
        try withServer(["WaitsForEver"], flags: flags) { server in
            let held = try (0..<2).map { _ in try server.subscribe("/waits-for-ever") }
            for subscriber in held { _ = try subscriber.nextEvent() }
            for _ in 0..<3 { #expect(try server.subscribe("/waits-for-ever").head().status == 503) }
            let metrics = try server.metrics()
            #expect(metrics["refused_requests_total", "kind=\"max-streams\""] == 3)
            #expect(metrics["turned_away_total", "kind=\"max-streams\""] == 3)
            #expect(metrics["build_info", "version=\"0.1.0\",interface=\"1.1\""] == 1)
            #expect(metrics["process_open_fds"] > 10 && metrics["process_max_fds"] >= metrics["process_open_fds"])
            #expect(metrics["process_resident_memory_bytes"] > 1_000_000 && metrics["process_threads"] > 3)
            #expect(abs(metrics["process_start_time_seconds"] - Double(time(nil))) < 120)
            #expect(metrics["process_cpu_seconds_total"] > 0)
            #expect(metrics.samples.keys.contains("sluice_loop_lag_seconds{loop=\"0\"}"))
            // No parameter's value is a label.
            #expect(!metrics.samples.keys.contains { $0.contains("tag") || $0.contains("every") })
        }
    }

    @Test("while a loop does not turn, what only loops know is left out; nothing falls, and it comes back")
    func hangingLoop() throws {
        let flags = SluiceServer.withAdmin + ["--loops", "1", "--call-deadline", "60s"]
        try withServer(["HangsAsTold"], flags: flags) { server in
            let stream = try server.subscribe("/hangs-as-told?in=next&tag=a")
            #expect(try stream.nextEvent().data == "first")
            _ = try server.waitForAdmin("/health/ready", within: .seconds(20)) { $0.status == 503 }
            let hanging = try server.metrics()
            #expect(hanging.faults.isEmpty && hanging.types["sluice_events_total"] == "counter")
            #expect(!hanging.samples.keys.contains { $0.hasPrefix("sluice_events_total") })
            #expect(hanging["streams_opened_total", labels("hangs-as-told")] == 1)
            #expect(hanging["loop_lag_seconds", "loop=\"0\""] > 2)
            server.openGate()
            #expect(try stream.nextEvent().data == "second")
            let back = try server.metrics()
            #expect(back["events_total", labels("hangs-as-told")] == 2 && back.fallen(since: hanging).isEmpty)
        }
    }

    @Test(
        "promtool finds nothing to complain about, with every kind of sample",
        .enabled(if: access("/usr/bin/promtool", X_OK) == 0, "needs promtool (prometheus)"))
    func promtool() throws {
        let flags = SluiceServer.withAdmin + ["--max-streams", "2"]
        try withServer(["WaitsForEver", "SharedTicks", "CrashesInConstructor"], flags: flags) { server in
            _ = try server.subscribe("/shared-ticks?count=3").rest()
            let held = try (0..<2).map { _ in try server.subscribeOnceFree("/waits-for-ever") }
            for subscriber in held { _ = try subscriber.nextEvent() }
            _ = try server.subscribe("/waits-for-ever").head()
            let file = server.directory.write(Array(try server.askAdmin("/metrics").body.utf8), to: "metrics.txt")
            let check = try ChildProgram.run(["sh", "-c", "promtool check metrics < \(file)"])
            #expect(check.status == 0 && check.output.isEmpty, "\(check)")
        }
    }
}
