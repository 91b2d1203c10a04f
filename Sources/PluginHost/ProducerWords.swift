import ProducerInterface

/// What the words of the runtime are for a plugin: its own pointers.
extension ProducerState {
    init(_ pointer: UnsafeMutableRawPointer?) { self.init(word: UInt(bitPattern: pointer)) }

    var pointer: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: word) }
}

extension ProducerCall {
    typealias Function = @convention(c) (UnsafeMutableRawPointer?) -> Void

    init(_ function: Function, _ context: UnsafeMutableRawPointer?) {
        self.init(function: unsafeBitCast(function, to: UInt.self), context: UInt(bitPattern: context))
    }

    /// Of a call that was made of the two.
    var pointers: (function: Function, context: UnsafeMutableRawPointer?) {
        (unsafeBitCast(function, to: Function.self), UnsafeMutableRawPointer(bitPattern: context))
    }
}
