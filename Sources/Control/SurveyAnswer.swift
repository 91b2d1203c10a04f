import Locks
import StreamRuntime
import Synchronization

/// Where a survey of the streams comes in, if it does so in time.
final class SurveyAnswer: Sendable {
    private let survey = Mutex<StreamSurvey?>(nil)
    private let isThere = Semaphore()

    func take(_ survey: StreamSurvey) {
        self.survey.withLock { $0 = survey }
        isThere.post()
    }

    func wait(seconds: Int) -> StreamSurvey? {
        _ = isThere.wait(seconds: seconds)
        return survey.withLock { $0 }
    }
}
