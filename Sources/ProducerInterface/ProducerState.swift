/// What a producer keeps of one stream: set by `open`, and given to all calls that follow. What the word means only the
/// producer's side knows.
package struct ProducerState: Sendable, Equatable {
    package let word: UInt

    package init(word: UInt) { self.word = word }

    package static let none = ProducerState(word: 0)
}
