/// The state that a producer keeps for one stream: set by `open`, and passed to all later calls. Only the producer's
/// side knows what the word means.
package struct ProducerState: Sendable, Equatable {
    package let word: UInt

    package init(word: UInt) { self.word = word }

    package static let none = ProducerState(word: 0)
}
