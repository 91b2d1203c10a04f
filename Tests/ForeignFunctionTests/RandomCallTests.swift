import ForeignFunction
import Synchronization
import TestSupport
import Testing

@Suite("Calls of random signatures")
struct RandomCallTests {
    @Test(
        "C receives and returns exactly the given values, through calls and closures, whatever the signature",
        .timeLimit(.minutes(2)))
    func randomSignatures() throws {
        var random = SeededRandom.fromEnvironment(test: "random signatures")
        let functions = (0..<300).map { RandomFunction("f\($0)", &random) }
        #expect(functions.contains { $0.values.count > 20 })
        let library = try CompiledLibrary(
            RandomFunction.preamble + functions.map(\.source).joined(separator: "\n"))
        let take = unsafeBitCast(
            try library.address(of: "take"), to: (@convention(c) () -> UnsafePointer<CChar>).self)

        for function in functions {
            let types = function.values.map(\.type)
            let arguments = ArgumentStorage(values: function.values)
            let printed = function.values.map(RandomFunction.printed).joined()
            let printedResult = function.result.map(RandomFunction.printed) ?? ""

            // To C.
            let call = try TypedCall(arguments: types, result: function.result?.type)
            let code = try library.address(of: function.name)
            let result = call.value(of: code, arguments: arguments)
            #expect(String(cString: take()) == printed, "\(function.source)")
            #expect(result == function.result, "\(function.source)")

            // From C, which only has the closure's address.
            let recorder = ClosureTests.Recorder(answering: function.result)
            let family = try ClosureTests.family(recorder, types, function.result?.type)
            let closure = try family.make(ClosureWords(tag: 1))
            let caller = try TypedCall(leadingPointers: 1, arguments: types, result: nil)
            let callingCode = try library.address(of: "call_" + function.name)
            let leading = [UnsafeMutableRawPointer(mutating: closure.code)]
            _ = caller.value(of: callingCode, leading: leading, arguments: arguments)
            #expect(recorder.received.withLock { $0.map(\.values) } == [function.values], "\(function.source)")
            #expect(String(cString: take()) == printedResult, "\(function.source)")

            // From C, and back to C.
            let bound = try ClosureTests.family(
                Forwarder(try CallInterface(arguments: types, result: function.result?.type)), types,
                function.result?.type)
            let through = try bound.make(ClosureWords(function: code))
            _ = caller.value(
                of: callingCode, leading: [UnsafeMutableRawPointer(mutating: through.code)], arguments: arguments)
            #expect(String(cString: take()) == printed + printedResult, "\(function.source)")

            // From C, too late.
            bound.retire(through)
            _ = caller.value(
                of: callingCode, leading: [UnsafeMutableRawPointer(mutating: through.code)], arguments: arguments)
            let zero = function.result.map { RandomFunction.printed(Boundary.zero($0.type)) } ?? ""
            #expect(String(cString: take()) == zero, "\(function.source)")
        }
    }

    /// Calls another function with the same arguments.
    private final class Forwarder: ClosureTarget {
        let interface: CallInterface
        init(_ interface: CallInterface) { self.interface = interface }

        func call(_ call: ClosureCall, _ words: ClosureWords) {
            interface.call(words.function!, call.arguments, result: call.result)
        }

        func calledTooLate() {}
    }
}
