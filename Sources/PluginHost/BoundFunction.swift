package import ForeignFunction

/// The functions of `host->bind`: each calls the plugin's handler with its context first, and returns its result.
package final class BoundFunction: ClosureTarget {
    private let forwarding: CallInterface
    private let callbacks: ProducerCallbacks

    private init(_ forwarding: CallInterface, _ callbacks: ProducerCallbacks) {
        self.forwarding = forwarding
        self.callbacks = callbacks
    }

    /// The family of such functions of one producer and signature.
    package static func family(_ text: String, _ callbacks: ProducerCallbacks) throws(SignatureProblem) -> ClosureFamily
    {
        do {
            let signature = try FunctionSignature(parsingTypes: text)
            let types = signature.arguments.map(\.type)
            let target = BoundFunction(
                try CallInterface(arguments: [.ptr] + types, result: signature.result), callbacks)
            return ClosureFamily(target, try CallInterface(arguments: types, result: signature.result))
        } catch let error as SignatureError {
            throw .place(error)
        } catch {
            throw .sentence("cannot create such a function: \(error)")
        }
    }

    package func call(_ call: ClosureCall, _ words: ClosureWords) {
        guard let function = words.function else { return }
        call.forward(to: function, words.context, through: forwarding)
    }

    package func calledTooLate() { callbacks.countLateCall() }
}
