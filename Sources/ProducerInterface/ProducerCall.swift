/// A call that a producer asks for through `StreamServices.schedule`, and makes in `perform`. What the words mean only the
/// producer's side knows.
package struct ProducerCall: Sendable, Equatable {
    /// What is called.
    package let function: UInt
    /// What it is called with.
    package let context: UInt

    package init(function: UInt, context: UInt) {
        self.function = function
        self.context = context
    }
}

package enum ScheduleOutcome: Sendable, Equatable {
    case accepted
    /// The stream is over.
    case over
    /// So many wait already that no other is taken.
    case tooMany
}
