import ProducerInterface
import StreamRuntime

/// What a producer did in all of its generations, those that are over included, so that no total ever falls.
struct ProducerTotals {
    let name: ProducerName
    private(set) var opens = 0
    private(set) var closes = 0
    private(set) var reasons: [CloseReason: Int] = [:]
    private(set) var leaves: [CloseReason: Int] = [:]
    private(set) var superseded = 0
    private(set) var kept = 0
    private(set) var finished = 0
    private(set) var callbacks = CallbackCounts()
    /// `nil` if a loop did not answer in time.
    private(set) var tally: StreamTally? = StreamTally()

    /// - Returns: by plugin and producer, sorted.
    static func all(_ figures: RuntimeFigures) -> [ProducerTotals] {
        var totals: [ProducerName: ProducerTotals] = [:]
        for past in figures.past {
            let name = ProducerName(plugin: past.plugin, producer: past.producer)
            totals[name, default: ProducerTotals(name: name)].add(past)
        }
        for producer in figures.generations.flatMap(\.producers) {
            let name = ProducerName(plugin: producer.description.plugin, producer: producer.description.name)
            totals[name, default: ProducerTotals(name: name)].add(producer)
        }
        return totals.values.sorted { ($0.name.plugin, $0.name.producer) < ($1.name.plugin, $1.name.producer) }
    }

    private init(name: ProducerName) { self.name = name }

    private mutating func add(_ past: PastLedger) {
        opens += past.opens
        closes += past.closes
        reasons.merge(past.reasons, uniquingKeysWith: +)
        leaves.merge(past.leaves, uniquingKeysWith: +)
        superseded += past.superseded
        kept += past.kept
        finished += past.finished
        tally?.add(past.tally)
        note(past.callbacks)
    }

    private mutating func add(_ producer: ProducerFigures) {
        opens += producer.ledger.opens
        closes += producer.ledger.closes
        reasons.merge(producer.ledger.reasons, uniquingKeysWith: +)
        leaves.merge(producer.leaves, uniquingKeysWith: +)
        superseded += producer.supersededEvents
        kept += producer.kept
        finished += producer.finishedRequests
        note(producer.callbacks)
        guard let counted = producer.tally else { return tally = nil }
        tally?.add(counted)
    }

    /// They are counted for all generations together.
    private mutating func note(_ counts: CallbackCounts) {
        callbacks = CallbackCounts(
            late: max(callbacks.late, counts.late), dropped: max(callbacks.dropped, counts.dropped))
    }
}
