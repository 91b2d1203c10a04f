import ProducerInterface
import StreamLoop
import SystemCalls

/// The one timer of a row: when something must be done next for its stream or its connection, and what.
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

    /// When an open stream, or a subscriber that has joined one, reaches its maximum age, or its token expires.
    private var endOfAge: MonotonicNanoseconds? {
        guard row.pointee.isOpen else { return nil }
        let end = min(row.pointee.expires, limits.maxAge > 0 ? row.pointee.since + limits.maxAge : .max)
        return end == .max ? nil : end
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
            // A row that is about to be served may send an event, so it is checked again after that.
            if stream.isPullDue(at: now) { queue() }
            if now >= Connection(self).keepAliveDue, !row.pointee.isQueued { return Connection(self).keepAlive() }
        }
        set()
    }

    /// Reports once that a stream's producer does not end it, or does not answer its `open`.
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
