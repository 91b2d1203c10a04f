import EventStream
import ProducerInterface
import Testing

@testable import FrontDoor

@Suite("A connection's phases")
struct ConnectionStateTests {
    private let token = StreamToken(loop: 0, slot: 7, epoch: 1)

    private func after(_ steps: (inout ConnectionState) -> Void) -> ConnectionState {
        var state = ConnectionState()
        steps(&state)
        return state
    }

    private var inHead: ConnectionState { after { _ = $0.headBegan() } }
    private var inBody: ConnectionState { after { $0.headEnded() } }
    private var making: ConnectionState { after { $0.makingBegan() } }
    private var opening: ConnectionState { after { _ = $0.openBegan() } }
    private var accepted: ConnectionState {
        after {
            _ = $0.openBegan()
            $0.openAccepted(token)
        }
    }
    private var flushing: ConnectionState { after { $0.flushBegan(token) } }
    private var streaming: ConnectionState { after { $0.streamBegan(token) } }
    private var finishing: ConnectionState {
        var state = streaming
        _ = state.streamFinished()
        return state
    }
    private var lingering: ConnectionState { after { $0.responded(isLast: true) } }
    private var over: ConnectionState { after { $0.handedOver() } }

    private var all: [ConnectionState] {
        [ConnectionState(), inHead, inBody, opening, accepted, flushing, streaming, finishing, lingering, over, making]
    }

    @Test("requests follow one another until a response is the last")
    func requests() {
        var state = ConnectionState()
        for _ in 0..<2 {
            #expect(state.phase == .idle && state.input == .head)
            #expect(state.headBegan() && state.phase == .head && state.input == .head)
            #expect(state.headBegan() == false, "it has begun already")
            state.headEnded()
            #expect(state.phase == .body && state.input == .body)
            state.responded(isLast: false)
        }
        state.responded(isLast: true)
        #expect(state.phase == .lingering && state.input == .nothing)
    }

    @Test("only a connection that waits for its client makes room")
    func waiting() {
        #expect(all.map(\.isWaiting) == [true, true, true, false, false, false, false, false, true, false, false])
    }

    @Test("input is only read when it is wanted, and not while the client does not read")
    func reading() {
        let writable = all.map { $0.wantsInput(isWritable: true) }
        #expect(writable == [true, true, true, false, false, false, false, false, true, false, false])
        let full = all.map { $0.wantsInput(isWritable: false) }
        #expect(full == [false, false, false, false, false, false, false, false, true, false, false])
    }

    @Test("no request follows after dropped input, or after a client has ended its sending side")
    func ends() {
        var state = inBody
        #expect(!state.endsWithResponse)
        state.inputDropped()
        #expect(state.endsWithResponse)
        state = inBody
        _ = state.inputClosed()
        #expect(state.endsWithResponse)
    }

    @Test("an answer only counts for the open that waits for it, once that has its token")
    func answers() {
        var state = ConnectionState()
        let first = state.openBegan()
        #expect(state.token(answeredBy: first) == nil && state.awaitsAnswer(first))
        state.openAccepted(token)
        #expect(state.token(answeredBy: first) == token)
        state.responded(isLast: false)
        #expect(state.token(answeredBy: first) == nil && !state.awaitsAnswer(first))
        let second = state.openBegan()
        state.openAccepted(token)
        #expect(second != first)
        #expect(state.token(answeredBy: first) == nil && !state.awaitsAnswer(first))
        #expect(state.token(answeredBy: second) == token && state.awaitsAnswer(second))
    }

    @Test("a token that arrives when the open is over changes nothing")
    func lateToken() {
        var state = opening
        _ = state.channelClosed()
        state.openAccepted(token)
        #expect(state.phase == .over)
    }

    @Test("the channel's stream ends once: after its last frames, or immediately")
    func streams() {
        var state = streaming
        #expect(state.streamFinished() && state.phase == .finishing)
        #expect(!state.streamFinished() && !state.streamAborted())
        #expect(state.finishSent() && state.phase == .lingering)
        #expect(state.finishSent() == false)
        state = streaming
        #expect(state.streamAborted() && state.phase == .over)
        #expect(!state.streamAborted() && !state.streamFinished() && !state.finishSent())
    }

    @Test("if a stream could not get the connection, the request still needs an answer")
    func failure() {
        var state = flushing
        state.handOverFailed()
        #expect(state.phase == .body)
        state.responded(isLast: true)
        #expect(state.phase == .lingering)
    }

    @Test("a connection that closes reports once what a stream has lost")
    func losses() {
        let losses: [ConnectionState.Loss] = [
            .nothing, .nothing, .nothing, .opening(nil), .opening(token), .waiting(token), .carried(token), .nothing,
            .nothing, .nothing, .nothing,
        ]
        for (var state, loss) in zip(all, losses) {
            #expect(state.channelClosed() == loss)
            #expect(state.phase == .over && state.channelClosed() == .nothing)
        }
    }

    @Test("a client ends its sending side: answers are sent, and a stream is told")
    func halfClosing() {
        let expected: [ConnectionState.HalfClosing] = [
            .linger, .linger, .linger, .awaitAnswer(1), .awaitAnswer(1), .nothing, .tell(token), .nothing, .linger,
            .nothing, .nothing,
        ]
        for (var state, action) in zip(all, expected) {
            let before = state.phase
            #expect(state.inputClosed() == action)
            #expect(state.isInputClosed && state.phase == (action == .linger ? .lingering : before))
        }
    }

    @Test("each phase that takes too long ends in its own way")
    func lateness() {
        #expect(
            all.map(\.lateness) == [
                .close, .refuseHead, .refuseBody, .probePeer, .probePeer, .close, .nothing, .close, .close, .nothing,
                .close,
            ])
    }

    @Test("a server that stops only closes connections that are between requests")
    func stopping() {
        for var state in all {
            let before = state.phase
            #expect(state.stopped() == (before == .idle))
            #expect(state.phase == (before == .idle ? .lingering : before))
        }
    }
}
