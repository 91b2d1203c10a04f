import Logging
import ProducerInterface
import StreamLoop
import Synchronization

/// One reload: what it finds, what becomes of that, and when it takes effect.
struct ReloadRound {
    private struct Candidate {
        let path: String
        let content: String
        let surroundings: String
    }

    private let reloader: Reloader
    /// All files in the directory.
    private let paths: [String]
    private let isForced: Bool
    private var candidates: [Candidate] = []
    /// Loaded but not admitted yet.
    private var waiting: [LoadedImage] = []
    private(set) var report = Reloader.Report()

    private var source: any ImageSource { reloader.source }

    init(_ reloader: Reloader, isForced: Bool) throws {
        self.reloader = reloader
        self.isForced = isForced
        paths = try reloader.source.scan()
    }

    /// - Parameter meanwhile: called now and then.
    mutating func run(meanwhile: () -> Void) throws {
        if isForced { reloader.state.withLock { $0.refused = [:] } }
        examine()
        let rest = source.load(candidates.map(\.path), meanwhile: meanwhile) { outcomes in
            take(outcomes)
            admit(isLast: false)
        }
        take(rest)
        guard !source.isAbandoned else {
            waiting.forEach(discard)
            throw Reloader.Abandoned()
        }
        admit(isLast: true)
    }

    /// Finds the candidates among the files, and handles everything that needs none of their code.
    private mutating func examine() {
        var serving = reloader.state.withLock(\.serving)
        var changed: [(path: String, content: String)] = []
        // Files that may have been renamed.
        var left = serving
        for path in paths {
            do {
                let content = try source.content(of: path)
                if serving[path]?.image.content == content {
                    left[path] = nil
                    report.unchanged += 1
                } else {
                    changed.append((path, content))
                }
            } catch {
                left[path] = nil
                reloader.refuse(path, "\(error)", at: source.step(of: error), keeping: serving[path], &report)
            }
        }
        var moved: [String: ServingGeneration] = [:]
        changed.removeAll { path, content in
            guard let former = left.first(where: { $0.value.image.content == content })?.key else { return false }
            moved[path] = left.removeValue(forKey: former)?.moved(to: path)
            serving[former] = nil
            report.renamed.append(path)
            reloader.logger.info("plugin renamed", metadata: ["file": "\(path)", "formerly": "\(former)"])
            return true
        }
        if !moved.isEmpty {
            serving.merge(moved) { $1 }
            reloader.switchOver(to: serving)
        }
        let paths = Set(paths)
        reloader.state.withLock { $0.refused = $0.refused.filter { path, _ in paths.contains(path) } }
        for (path, content) in changed {
            let candidate = Candidate(path: path, content: content, surroundings: source.surroundings(of: path))
            if let refused = refusal(of: candidate) {
                reloader.refuse(path, refused.text, at: refused.step, keeping: serving[path], &report)
            } else {
                candidates.append(candidate)
            }
        }
        // New versions of serving plugins come first: a newcomer never takes a name or a route from them.
        candidates.sort {
            (serving[$0.path] == nil) != (serving[$1.path] == nil) ? serving[$0.path] != nil : $0.path < $1.path
        }
    }

    /// Why a candidate is not worth another try.
    private func refusal(of candidate: Candidate) -> (text: String, step: RefusalStep)? {
        guard let refused = reloader.state.withLock({ $0.refused[candidate.path] }),
            refused.content == candidate.content
        else {
            return nil
        }
        guard let surroundings = refused.surroundings else {
            return (refused.text + " (not retried until the file changes)", refused.step)
        }
        guard surroundings == candidate.surroundings else { return nil }
        let remark =
            " (not retried until the file, a library that it needs, or the configuration changes; touch the file to retry)"
        return (refused.text + remark, refused.step)
    }

    /// Notes the outcomes of candidates.
    private mutating func take(_ outcomes: [ImageSource.Outcome]) {
        let results = Dictionary(outcomes.map { ($0.path, $0.result) }) { first, _ in first }
        for candidate in candidates {
            switch results[candidate.path] {
            case nil: break
            case .success(let image): waiting.append(image)
            case .failure(let error):
                remember(error, of: candidate)
                let current = reloader.state.withLock { $0.serving[candidate.path] }
                reloader.refuse(candidate.path, "\(error)", at: source.step(of: error), keeping: current, &report)
            }
        }
    }

    private func remember(_ error: any Error, of candidate: Candidate) {
        let cause = source.cause(of: error)
        guard cause != .moment else { return }
        let refused = RefusedFile(
            content: candidate.content, surroundings: cause == .content ? nil : candidate.surroundings,
            text: "\(error)",
            step: source.step(of: error))
        reloader.state.withLock { $0.refused[candidate.path] = refused }
    }

    /// Lets those images serve that conflict neither with each other nor with the serving ones.
    /// - Parameter isLast: conflicting images are refused, and plugins whose files are gone are retired; otherwise they
    ///   wait for what others may give up.
    private mutating func admit(isLast: Bool) {
        let before = reloader.state.withLock(\.serving)
        let present = Set(paths)
        // In the order of the candidates, no matter when each was ready.
        let loaded = Dictionary(uniqueKeysWithValues: waiting.map { ($0.path, $0) })
        var images = candidates.compactMap { loaded[$0.path] }
        waiting = []
        var serving = isLast ? before.filter { present.contains($0.key) } : before
        for image in images { serving[image.path] = nil }
        // All of them together. A refused one keeps what it had, which may conflict with another.
        while let (index, conflict) = firstConflict(of: images, beside: serving) {
            let image = images.remove(at: index)
            serving[image.path] = before[image.path]
            if isLast {
                discard(image)
                reloader.refuse(image.path, conflict, at: .conflict, keeping: before[image.path], &report)
            } else {
                waiting.append(image)
            }
        }
        guard isLast || !images.isEmpty else { return }
        images.sort { $0.path < $1.path }
        for image in images {
            serving[image.path] = reloader.admit(
                image, replacing: before.values.first { $0.image.plugin == image.plugin }, isForced: isForced)
            if before[image.path] == nil {
                report.loaded.append(image.plugin)
            } else {
                report.replaced.append(image.plugin)
            }
        }
        let replaced = before.sorted { $0.key < $1.key }.filter { serving[$0.key]?.generation !== $0.value.generation }
        let retiring = replaced.map { path, previous in
            // A new version may have come under another name.
            let isReplaced = serving.values.contains { $0.image.plugin == previous.image.plugin }
            return (previous, isReplaced || present.contains(path) ? CloseReason.reloaded : .removed)
        }
        reloader.switchOver(to: serving, retiring: retiring)
        for image in images { reloader.logLoaded(serving[image.path]!) }
        report.removed += replaced.filter { !present.contains($0.key) }.map(\.value.image.plugin)
        for (previous, reason) in retiring { Retirement(reloader: reloader).begin(previous, reason) }
    }

    /// The first candidate that conflicts with what serves, or with a candidate before it.
    private func firstConflict(of images: [LoadedImage], beside serving: [String: ServingGeneration]) -> (Int, String)?
    {
        let others = serving.values.map(\.image)
        for (index, image) in images.enumerated() {
            let peers = (others + images[..<index]).sorted { $0.path < $1.path }
            if let conflict = source.conflict(of: image, with: peers) { return (index, conflict) }
        }
        return nil
    }

    /// An image that will never serve.
    private func discard(_ image: LoadedImage) {
        let live = reloader.live
        live.shutDown(live.begin("\(image.plugin) (\(image.path), never served)"), image.shutdown)
    }
}
