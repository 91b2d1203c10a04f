import ProducerInterface
import StreamRuntime

/// The families about streams, their subscribers and what these are sent.
extension MetricsText {
    mutating func addStreams(_ figures: RuntimeFigures, _ totals: [ProducerTotals]) {
        add(
            "sluice_streams_open", .gauge, "Streams between their open and their close; a shared one counts once.",
            figures.generations.flatMap { generation in
                generation.producers.map { producer in
                    Sample(
                        [
                            ("plugin", producer.description.plugin), ("producer", producer.description.name),
                            ("generation", "\(generation.number)"),
                        ], producer.ledger.open)
                }
            })
        add("sluice_streams_opened_total", .counter, "Streams that were opened.", totals) { $0.opens }
        add("sluice_streams_closed_total", .counter, "Streams that were closed, by reason.", totals, \.reasons)
        add(
            "sluice_streams_stuck", .gauge, "Open streams that should have ended, but whose producer still runs.",
            figures.streams.stuck)
        add(
            "sluice_stream_threads", .gauge, "Threads of streams of blocking producers.", figures.streams.threads)
        add(
            "sluice_subscribers", .gauge,
            "Subscribers by what carries their events: a descriptor, a channel of the front door, or nothing yet.",
            figures.generations.flatMap { generation -> [Sample] in
                guard let streams = generation.streams else { return [] }
                let descriptors = streams.subscribers - streams.channels - streams.waiting
                return [("descriptor", descriptors), ("channel", streams.channels), ("none", streams.waiting)].map {
                    Sample(
                        [
                            ("plugin", generation.image.plugin), ("generation", "\(generation.number)"),
                            ("transport", $0.0),
                        ],
                        $0.1)
                }
            })
        add(
            "sluice_subscribers_left_total", .counter,
            "Subscribers of shared streams that have left, by reason.", totals, \.leaves)
        add(
            "sluice_resumes_total", .counter,
            """
            Subscribers of shared streams by where they began: fresh (no ID), replayed (after their ID), gap (events \
            after it are lost); and of all streams, finished (the stream had ended: 204).
            """,
            totals.flatMap { total -> [Sample] in
                let finished = [("finished", total.finished)]
                let counted = total.tally.map { [("fresh", $0.fresh), ("gap", $0.gaps), ("replayed", $0.replayed)] }
                return ((counted ?? []) + finished).map { Sample(total.labels("outcome", $0.0), $0.1) }
            })
        add(
            "sluice_slow_subscribers_total", .counter,
            """
            Slow subscribers: disconnected because the history had passed them (overtaken) or nothing was taken for \
            the write deadline (write-deadline), or given a gap (skipped).
            """,
            totals.flatMap { total -> [Sample] in
                guard let tally = total.tally else { return [] }
                return [
                    ("overtaken", tally.overtaken), ("skipped", tally.skips), ("write-deadline", tally.blocked),
                ].map { Sample(total.labels("kind", $0.0), $0.1) }
            })
    }

    mutating func addDeliveries(_ figures: RuntimeFigures, _ totals: [ProducerTotals]) {
        let counted = totals.compactMap { total in total.tally.map { (name: total.name, tally: $0) } }
        func samples(_ value: (StreamTally) -> Int) -> [Sample] {
            counted.map { Sample($0.name.labels, value($0.tally)) }
        }
        add("sluice_events_total", .counter, "Events that streams have produced.", samples(\.events))
        add(
            "sluice_deliveries_total", .counter,
            "Events handed to subscribers' connections; one of a shared stream counts for each subscriber.",
            samples(\.deliveries))
        add(
            "sluice_delivered_bytes_total", .counter, "The size of the deliveries, without the framing of HTTP.",
            samples(\.bytes))
        add(
            "sluice_delivery_duration_seconds",
            """
            From the publication of a shared stream's event to its being written to the last subscriber of the same \
            loop; for a subscriber that was behind, to its own.
            """, counted.map { (labels: $0.name.labels, times: $0.tally.deliveryTimes) })
        add(
            "sluice_next_duration_seconds", "Calls of the producer's next on event loops.",
            counted.map { (labels: $0.name.labels, times: $0.tally.callTimes) })
        let kept = figures.histories.map {
            $0.sorted { ($0.key.plugin, $0.key.producer) < ($1.key.plugin, $1.key.producer) }
        }
        func histories(_ value: (HistoryFigures) -> Int) -> [Sample] {
            (kept ?? []).map { Sample($0.key.labels, value($0.value)) }
        }
        add("sluice_hubs", .gauge, "Shared streams with subscribers, or with events kept for them.", histories(\.hubs))
        add("sluice_history_events", .gauge, "Events kept for subscribers that reconnect.", histories(\.events))
        add("sluice_history_bytes", .gauge, "The size of the events kept for subscribers.", histories(\.bytes))
        add(
            "sluice_hubs_evicted_total", .counter, "Unused shared streams that were closed to make room for others.",
            figures.hubs.evicted)
        add(
            "sluice_loop_lag_seconds", .gauge, "How late an event loop does what another thread asks of it.",
            figures.loops.enumerated().map { Sample([("loop", "\($0.offset)")], seconds: Double($0.element.lag) / 1e9) }
        )
        add(
            "sluice_loop_rows", .gauge, "Streams and connections in an event loop's table.",
            figures.loops.enumerated().map { Sample([("loop", "\($0.offset)")], $0.element.rows) })
        add(
            "sluice_hanging_calls", .gauge, "Calls of producers that do not return; their loops continue without them.",
            figures.hangingCalls.count)
    }

    private mutating func add(
        _ name: String, _ kind: Kind, _ help: String, _ totals: [ProducerTotals], _ value: (ProducerTotals) -> Int
    ) {
        add(name, kind, help, totals.map { Sample($0.name.labels, value($0)) })
    }

    /// One sample for each reason, also for those that never occurred, so that a rate can be taken of the first.
    private mutating func add(
        _ name: String, _ kind: Kind, _ help: String, _ totals: [ProducerTotals],
        _ counts: KeyPath<ProducerTotals, [CloseReason: Int]>
    ) {
        add(
            name, kind, help,
            totals.flatMap { total in
                CloseReason.allCases.map {
                    Sample(total.labels("reason", $0.name), total[keyPath: counts][$0] ?? 0)
                }
            })
    }
}

extension ProducerTotals {
    func labels(_ name: String, _ value: String) -> MetricsText.Labels { self.name.labels + [(name, value)] }
}
