import ProducerInterface
import Synchronization

/// How many requests wait for the answer of each producer's `open`. A producer that does not answer must leave room for
/// the requests to others. Any thread.
final class PendingOpens: Sendable {
    fileprivate struct Name: Hashable {
        let plugin: String
        let producer: String
    }

    fileprivate struct State {
        var limit: Int
        var counts: [Name: Int] = [:]
    }

    fileprivate let state: Mutex<State>

    init(limit: Int) {
        state = Mutex(State(limit: limit))
    }

    func replaceLimit(_ limit: Int) {
        state.withLock { $0.limit = limit }
    }

    /// Requests that wait now, of all producers.
    var count: Int { state.withLock { $0.counts.values.reduce(0, +) } }

    /// - Returns: `nil` if as many requests wait for this producer as the limit allows.
    func enter(_ producer: ProducerDescription) -> Place? {
        let name = Name(plugin: producer.plugin, producer: producer.name)
        let isEntered = state.withLock { state in
            guard state.counts[name, default: 0] < state.limit else { return false }
            state.counts[name, default: 0] += 1
            return true
        }
        return isEntered ? Place(opens: self, name: name) : nil
    }

    /// The place of one request; to be left once.
    struct Place: Sendable {
        fileprivate let opens: PendingOpens
        fileprivate let name: Name

        func leave() {
            opens.state.withLock { state in
                let count = state.counts[name, default: 0]
                state.counts[name] = count > 1 ? count - 1 : nil
            }
        }
    }
}
