/// A call that a producer schedules through `StreamServices.schedule`, and makes in `perform`. Only the producer's side
/// knows what the words mean.
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
    /// The maximum number of calls is already waiting.
    case tooMany
}
