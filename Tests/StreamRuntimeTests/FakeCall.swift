import ProducerInterface

/// A function that a fake producer runs on a stream's loop or thread. It must exist until it has run.
final class FakeCall: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    /// The call in the form that the runtime takes.
    var call: ProducerCall {
        ProducerCall(
            function: Kind.closure.rawValue, context: UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque()))
    }

    fileprivate enum Kind: UInt {
        case nothing, closure, forbidden
    }

    static func perform(_ call: ProducerCall) {
        switch Kind(rawValue: call.function) {
        case .nothing: break
        case .closure:
            // Without reference counting, because the call may end its thread.
            Unmanaged<FakeCall>.fromOpaque(UnsafeRawPointer(bitPattern: call.context)!)
                ._withUnsafeGuaranteedRef { $0.body() }
        case .forbidden, nil: fatalError("called late")
        }
    }
}

extension ProducerCall {
    static let nothing = ProducerCall(function: FakeCall.Kind.nothing.rawValue, context: 0)
    /// A call that must never run.
    static let forbidden = ProducerCall(function: FakeCall.Kind.forbidden.rawValue, context: 0)
}
