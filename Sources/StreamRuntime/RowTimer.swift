import ProducerInterface
import StreamLoop
import SystemCalls

/// The one timer of a row: the next moment at which something is to be done for its stream or its connection, and what that is.
struct RowTimer: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    func set() { loop.setTimer(slot, to: deadline) }

    private var deadline: MonotonicNanoseconds {
        var deadline = row.pointee.role == .hubStream ? HubStream(self).deadline : Int64.max
        switch connection.link {
        case .connected:
            if row.pointee.hasPending {
                deadline = connection.lastActivity + limits.writeDeadline
            } else if row.pointee.role == .exclusive {
                deadline = Connection(self).keepAliveDue
                if stream.phase == .open, !stream.isThreaded, !row.pointee.isQueued, !stream.isResting {
                    deadline = min(deadline, stream.nextDue)
                }
            }
        case .ending:
            deadline = connection.lastActivity + limits.writeDeadline
        case .lingering:
            deadline = connection.lastActivity + Connection.lingerTime
        case .waiting, .none:
            break
        }
        if row.pointee.role != .hubStream, let end = endOfAge { deadline = min(deadline, end) }
        if stream.phase == .opening {
            let answer = row.pointee.succession?.deadline ?? row.pointee.standIn?.deadline
            deadline = min(deadline, answer ?? .max)
        }
        return min(deadline, reportDue ?? .max)
    }

    /// When a stream that is open, or a subscriber that has joined one, has reached the age at which it ends.
    private var endOfAge: MonotonicNanoseconds? {
        limits.maxAge > 0 && row.pointee.isOpen ? row.pointee.since + limits.maxAge : nil
    }

    private var reportDue: MonotonicNanoseconds? {
        stream.reportDue(since: row.pointee.since, after: limits.stuckReport)
    }

    func fired() {
        switch row.pointee.role {
        case .hubStream: return HubStream(self).timerFired()
        case .clock: return HubSubscribers.clockFired(slot, in: streams)
        case .exclusive, .hubSubscriber: break
        }
        let now = loop.now
        if connection.link == .lingering {
            if now >= connection.lastActivity + Connection.lingerTime { return Connection(self).drop() }
        } else if connection.link != .waiting, row.pointee.hasPending,
            now >= connection.lastActivity + limits.writeDeadline
        {
            return Connection(self).writeDeadlinePassed()
        }
        if stream.phase == .opening {
            if let succession = row.pointee.succession, now >= succession.deadline {
                return Successor(self).giveUp(succession)
            }
            if let standIn = row.pointee.standIn, now >= standIn.deadline {
                return FallingBack(self).giveUp(standIn)
            }
        }
        if let end = endOfAge, now >= end { return streams.end(slot, .expired) }
        reportIfStuck()
        if row.pointee.role == .exclusive, connection.link == .connected, !row.pointee.hasPending {
            // One that is to be served may have something to say; whether it had is looked at behind that.
            if stream.isPullDue(at: now) { queue() }
            if now >= Connection(self).keepAliveDue, !row.pointee.isQueued { return Connection(self).keepAlive() }
        }
        set()
    }

    /// Tells once of a stream whose producer does not come to its end, or does not answer its open.
    func reportIfStuck() {
        guard let due = reportDue, loop.now >= due else { return }
        let since = loop.now - due + limits.stuckReport
        if stream.isUnanswered {
            stream.reported = .unanswered
            return log.unanswered(token, entry, since: since)
        }
        stream.reported = .stuck
        log.stuck(token, entry, streams.calls.running.function(of: token), reason: stream.reason, since: since)
        counts.countStuck()
    }
}
